"""The ``openai`` package for Python."""

import json

import openai
from facts import FACTS, KEY, MESSAGES, MODEL, SCHEMA, TOOL, URL

client = openai.OpenAI(base_url=f"{URL}/v1", api_key=KEY)
assert [model.id for model in client.models.list()] == [MODEL]
made = client.chat.completions.create(model=MODEL, messages=MESSAGES, temperature=0, max_tokens=40)
assert made.choices[0].message.content == FACTS["answer"], made
with client.chat.completions.stream(model=MODEL, messages=MESSAGES, temperature=0, max_tokens=40) as stream:
    assert stream.get_final_completion().choices[0].message.content == FACTS["answer"]
made = client.chat.completions.create(
    model=MODEL, messages=MESSAGES, temperature=0, tools=[TOOL], tool_choice="required", max_tokens=80
)
call = made.choices[0].message.tool_calls[0]
assert set(json.loads(call.function.arguments)) == {"expression"}
result = {"role": "tool", "tool_call_id": call.id, "content": "124"}
again = client.chat.completions.create(
    model=MODEL, messages=[*MESSAGES, made.choices[0].message, result], tools=[TOOL], max_tokens=20
)
assert again.choices[0].finish_reason in ("stop", "length", "tool_calls")
form = {"type": "json_schema", "json_schema": {"name": "n", "schema": SCHEMA, "strict": True}}
made = client.chat.completions.create(model=MODEL, messages=MESSAGES, response_format=form, temperature=0)
assert isinstance(json.loads(made.choices[0].message.content)["number"], int)
assert (
    client.completions.create(model=MODEL, prompt="Era uma vez", temperature=0, max_tokens=20).choices[0].text
    == (FACTS["text"])
)
assert len(client.embeddings.create(model=MODEL, input="Olá").data[0].embedding) == FACTS["width"]
problem = None
try:
    client.chat.completions.create(model=MODEL, messages=MESSAGES, store=True)
except openai.BadRequestError as error:
    problem = error
assert problem is not None
assert problem.param == "store"
print(f"openai {openai.__version__}: models, chat, stream, tools, JSON schema, completions, embeddings, errors")
