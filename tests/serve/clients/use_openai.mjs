// npm `openai`.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import OpenAI from "openai";

const { PROSA_URL, PROSA_KEY, PROSA_MODEL: model, PROSA_FACTS } = process.env;
const facts = JSON.parse(readFileSync(PROSA_FACTS));
const client = new OpenAI({ baseURL: `${PROSA_URL}/v1`, apiKey: PROSA_KEY });
const messages = [{ role: "user", content: facts.question }];
const parameters = {
  type: "object",
  properties: { expression: { type: "string", maxLength: 12 } },
  required: ["expression"],
  additionalProperties: false,
};
const tools = [{ type: "function", function: { name: "calculator", parameters } }];

const made = await client.chat.completions.create({ model, messages, temperature: 0, max_tokens: 40 });
assert.equal(made.choices[0].message.content, facts.answer);
let text = "";
let usage;
const stream_options = { include_usage: true };
const options = { model, messages, temperature: 0, max_tokens: 40, stream: true, stream_options };
for await (const chunk of await client.chat.completions.create(options)) {
  text += chunk.choices[0]?.delta?.content ?? "";
  usage = chunk.usage ?? usage;
}
assert.equal(text, facts.answer);
assert.equal(usage.completion_tokens, made.usage.completion_tokens);
const called = await client.chat.completions.create({ model, messages, tools, tool_choice: "required", temperature: 0 });
assert.deepEqual(Object.keys(JSON.parse(called.choices[0].message.tool_calls[0].function.arguments)), ["expression"]);
const runner = client.chat.completions.stream({ model, messages, tools, tool_choice: "required", temperature: 0 });
const final = await runner.finalChatCompletion();
assert.equal(final.choices[0].message.tool_calls[0].function.name, "calculator");
const written = await client.completions.create({ model, prompt: "Era uma vez", temperature: 0, max_tokens: 20 });
assert.equal(written.choices[0].text, facts.text);
const vectors = await client.embeddings.create({ model, input: ["Olá", "Tchau"] });
assert.equal(vectors.data[1].embedding.length, facts.width);
await assert.rejects(client.chat.completions.create({ model, messages, store: true }), { status: 400, param: "store" });
const { version } = JSON.parse(readFileSync(new URL("node_modules/openai/package.json", import.meta.url)));
console.log(`npm openai ${version}: chat, stream, tools, completions, embeddings, errors`);
