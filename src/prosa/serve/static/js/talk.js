// From a conversation to its answer: ask, run the tools that the model calls, ask again, as any client of the API
// would.

import { chat, countTokens, runTool } from "./api.js";
import { tr } from "./language.js";
import { Reply } from "./reply.js";
import { request } from "./settings.js";
import { packed } from "./steps.js";
import { add, upTo } from "./tree.js";

const ROUNDS = 8; // calls of tools in a row before the page stops asking

/** The messages of a request: the system prompt and those down to a node, without the first `leftOut`. */
function messages(conversation, node, leftOut) {
  const { system } = conversation.settings;
  const said = upTo(conversation, node.id).map(({ message }) => message);
  return [...(system.trim() ? [{ role: "system", content: system }] : []), ...said.slice(leftOut)];
}

/** How many messages to leave out where `leftOut` are not enough: up to the next that a person wrote; null: no more. */
function nextLeftOut(conversation, node, leftOut) {
  const found = upTo(conversation, node.id).findIndex(({ message }, i) => i > leftOut && message.role === "user");
  return found < 0 ? null : found;
}

/**
 * How many messages to leave out so that an answer has room: a quarter of the window, or what it may have at most.
 * Where that cannot be found out, none more: the server says what does not fit.
 */
async function leavingRoom(conversation, node, leftOut, { model, window, offered, signal }) {
  const room = window - Math.min(conversation.settings.max_tokens ?? window, Math.floor(window / 4));
  for (;;) {
    const next = nextLeftOut(conversation, node, leftOut);
    const said = messages(conversation, node, leftOut);
    const bytes = new TextEncoder().encode(JSON.stringify([said, offered])).length; // a token has one at least
    if (next === null || bytes <= room) return leftOut;
    try {
      if ((await countTokens(model, said, offered, signal)) <= room) return leftOut;
    } catch (error) {
      if (signal.aborted) throw error;
      return leftOut;
    }
    leftOut = next;
  }
}

/** A call's result, an error's message where it failed; `broken` is what ends the whole answer. */
async function result(call, signal) {
  try {
    signal.throwIfAborted();
    return await runTool(call.function.name, JSON.parse(call.function.arguments || "{}"), signal);
  } catch (error) {
    const ends = signal.aborted || error.status === 0 || error.status === 401;
    return { content: error.message || tr("not run", "não executada"), error: true, broken: ends ? error : null };
  }
}

/**
 * Answers under a node, adding to the conversation what the model says and what its tools give back.
 *
 * Where the conversation leaves no room in the model's window, its oldest turns are not sent, as many as it takes; each
 * answer keeps how many messages it was written without, and says so.
 *
 * @param window the most tokens that the model reads, where that is known.
 * @param offered tools of the request; none: [].
 * @param seen called with the reply in progress at each chunk, and with null when a message was added.
 * @throws what the API threw; what had come until then stands in the conversation, marked.
 */
export async function answer(conversation, node, { model, window, offered, signal, seen }) {
  let leftOut = upTo(conversation, node.id).findLast((one) => one.leftOut)?.leftOut ?? 0;
  if (window) leftOut = await leavingRoom(conversation, node, leftOut, { model, window, offered, signal });
  for (let round = 0; ; round++) {
    const reply = new Reply();
    const body = {
      model,
      messages: messages(conversation, node, leftOut),
      stream: true,
      stream_options: { include_usage: true },
      logprobs: true,
      top_logprobs: 20,
      ...request(conversation.settings),
    };
    if (offered.length && round < ROUNDS) body.tools = offered;
    try {
      for await (const chunk of chat(body, signal)) {
        reply.push(chunk);
        seen(reply);
      }
    } catch (error) {
      const next = nextLeftOut(conversation, node, leftOut);
      if (error.code === "context_length_exceeded" && next !== null) {
        leftOut = next;
        round -= 1;
        continue;
      }
      if (reply.content || reply.tokens.length) {
        const left = { role: "assistant", content: reply.content }; // half a call of a tool is none
        node = Object.assign(add(conversation, left, node.id), facts(reply, conversation, leftOut), {
          finish: signal.aborted ? "stopped" : "lost",
        });
        seen(null);
      }
      throw error;
    }
    node = Object.assign(add(conversation, reply.message(), node.id), facts(reply, conversation, leftOut));
    seen(null);
    if (!reply.calls.length) return;
    let ended = null;
    for (const call of reply.calls) {
      // every call gets a result, if only that it was not run: a conversation with one open could not go on
      const { content, error, broken } = await result(call, signal);
      node = Object.assign(add(conversation, { role: "tool", tool_call_id: call.id, content }, node.id), {
        failed: Boolean(error),
      });
      ended ??= broken;
      seen(null);
    }
    if (ended) throw ended;
  }
}

const facts = (reply, { settings }, leftOut) => ({
  leftOut,
  tokens: packed(reply.tokens),
  annotations: reply.annotations,
  finish: reply.finish,
  figures: reply.figures(),
  temperature: settings.temperature ?? 1,
});
