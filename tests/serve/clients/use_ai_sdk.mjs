// npm `@ai-sdk/openai-compatible`, through `ai`.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { embed, generateText, streamText, tool } from "ai";
import { z } from "zod";

const { PROSA_URL, PROSA_KEY, PROSA_MODEL: name, PROSA_FACTS } = process.env;
const facts = JSON.parse(readFileSync(PROSA_FACTS));
const prosa = createOpenAICompatible({ name: "prosa", baseURL: `${PROSA_URL}/v1`, apiKey: PROSA_KEY, includeUsage: true });
const usual = { model: prosa(name), prompt: facts.question, temperature: 0, maxOutputTokens: 40 };

const made = await generateText(usual);
assert.equal(made.text, facts.answer);
assert.equal(made.finishReason, "stop");
let text = "";
const stream = streamText(usual);
for await (const piece of stream.textStream) text += piece;
assert.equal(text, facts.answer);
assert.ok((await stream.usage).outputTokens > 0);
const calculator = tool({ inputSchema: z.object({ expression: z.string().max(12) }), execute: async () => "124" });
const called = await generateText({ ...usual, maxOutputTokens: 80, tools: { calculator }, toolChoice: "required" });
assert.equal(called.toolCalls[0].toolName, "calculator");
assert.equal(called.toolResults[0].output, "124");
const streamed = streamText({ ...usual, maxOutputTokens: 80, tools: { calculator }, toolChoice: "required" });
assert.equal((await streamed.toolCalls)[0].toolName, "calculator");
const completion = await generateText({ ...usual, model: prosa.completionModel(name), prompt: "Era uma vez" });
assert.ok(completion.text.length > 0);
const vector = await embed({ model: prosa.textEmbeddingModel(name), value: "Olá" });
assert.equal(vector.embedding.length, facts.width);
const { version } = JSON.parse(
  readFileSync(new URL("node_modules/@ai-sdk/openai-compatible/package.json", import.meta.url)),
);
console.log(`@ai-sdk/openai-compatible ${version}: text, stream, tools, completions, embeddings`);
