"""``litellm``: the prefix ``openai/`` says which API the address speaks."""

from importlib.metadata import version

import litellm
from facts import FACTS, KEY, MESSAGES, MODEL, SCHEMA, TOOL, URL

usual = {"model": f"openai/{MODEL}", "api_base": f"{URL}/v1", "api_key": KEY}
made = litellm.completion(messages=MESSAGES, temperature=0, max_tokens=40, **usual)
assert made.choices[0].message.content == FACTS["answer"], made
assert made.usage.total_tokens == made.usage.prompt_tokens + made.usage.completion_tokens
chunks = list(litellm.completion(messages=MESSAGES, temperature=0, max_tokens=40, stream=True, **usual))
assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == FACTS["answer"]
made = litellm.completion(messages=MESSAGES, tools=[TOOL], tool_choice="required", temperature=0, **usual)
assert made.choices[0].message.tool_calls[0].function.name == "calculator"
form = {"type": "json_schema", "json_schema": {"name": "n", "schema": SCHEMA, "strict": True}}
made = litellm.completion(messages=MESSAGES, response_format=form, temperature=0, **usual)
assert '"number"' in made.choices[0].message.content
text = litellm.text_completion(
    model=f"text-completion-openai/{MODEL}", prompt="Era uma vez", api_base=f"{URL}/v1", api_key=KEY, temperature=0,
    max_tokens=20,
)  # fmt: skip
assert text.choices[0].text == FACTS["text"], text
assert len(litellm.embedding(input=["Olá"], **usual).data[0]["embedding"]) == FACTS["width"]
print(f"litellm {version('litellm')}: chat, stream, tools, JSON schema, completions, embeddings")
