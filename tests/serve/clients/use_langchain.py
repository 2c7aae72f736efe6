"""``langchain-openai``."""

from importlib.metadata import version

from facts import FACTS, KEY, MODEL, SCHEMA, TOOL, URL
from langchain_core.messages import HumanMessage, ToolMessage
from langchain_openai import ChatOpenAI, OpenAI, OpenAIEmbeddings

usual = {"model": MODEL, "base_url": f"{URL}/v1", "api_key": KEY}
chat = ChatOpenAI(temperature=0, max_tokens=80, **usual)
made = chat.invoke(FACTS["question"])
assert made.content == FACTS["answer"], made
assert made.usage_metadata["output_tokens"] > 0
assert "".join(chunk.content for chunk in chat.stream(FACTS["question"])) == FACTS["answer"]
asked = HumanMessage(FACTS["question"])
made = chat.bind_tools([TOOL], tool_choice="required").invoke([asked])
[call] = made.tool_calls[:1]
assert call["name"] == "calculator"
results = [ToolMessage("124", tool_call_id=one["id"]) for one in made.tool_calls]
assert chat.bind_tools([TOOL]).invoke([asked, made, *results]).response_metadata["finish_reason"]
schema = {"title": "Number", "description": "A number.", **SCHEMA}
assert isinstance(chat.with_structured_output(schema, method="json_schema").invoke(FACTS["question"])["number"], int)
assert OpenAI(temperature=0, max_tokens=20, **usual).invoke("Era uma vez") == FACTS["text"]
vectors = OpenAIEmbeddings(check_embedding_ctx_length=False, **usual).embed_documents(["Olá", "Tchau"])
assert [len(vector) for vector in vectors] == [FACTS["width"]] * 2
print(
    f"langchain-openai {version('langchain-openai')}: chat, stream, tools, structured output, completions, embeddings"
)
