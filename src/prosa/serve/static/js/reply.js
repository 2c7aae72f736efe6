// One message of the model as its chunks come in: text, tokens with their probabilities, calls of tools, citations,
// times.

/** A token as the page keeps it: text `t`, log-probability `p`, alternatives `a` as [text, log-probability] pairs. */
const token = (entry) => ({
  t: text(entry),
  p: entry.logprob,
  a: (entry.top_logprobs ?? []).map((other) => [text(other), other.logprob]),
});

/** A token's own text; one that is part of a character shows its bytes. */
function text({ token: shown, bytes }) {
  if (!bytes) return shown;
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(new Uint8Array(bytes));
  } catch {
    return bytes.map((byte) => `<${byte.toString(16).toUpperCase().padStart(2, "0")}>`).join("");
  }
}

export class Reply {
  content = "";
  tokens = [];
  calls = [];
  annotations = [];
  usage = null;
  finish = null;
  begun = performance.now();
  first = null; // when the first token came
  latest = null;

  push(chunk) {
    if (chunk.usage) this.usage = chunk.usage;
    const choice = chunk.choices?.[0];
    if (!choice) return;
    const delta = choice.delta ?? {};
    if (delta.content || delta.tool_calls || choice.logprobs?.content?.length) {
      this.latest = performance.now();
      this.first ??= this.latest;
    }
    this.content += delta.content ?? "";
    for (const entry of choice.logprobs?.content ?? []) this.tokens.push(token(entry));
    for (const part of delta.tool_calls ?? []) this.#call(part);
    this.annotations.push(...(delta.annotations ?? []));
    this.finish = choice.finish_reason ?? this.finish;
  }

  #call({ index = 0, id, function: called = {} }) {
    this.calls[index] ??= { id: "", type: "function", function: { name: "", arguments: "" } };
    const call = this.calls[index];
    if (id) call.id = id;
    call.function.name += called.name ?? "";
    call.function.arguments += called.arguments ?? "";
  }

  /** As a request's message. */
  message() {
    const made = { role: "assistant", content: this.content };
    if (this.calls.length) made.tool_calls = this.calls;
    return made;
  }

  /** Tokens, tokens a second once the first was there (null: too short to tell), seconds until then, tokens read. */
  figures() {
    const count = this.usage?.completion_tokens ?? this.tokens.length;
    const seconds = (this.latest - this.first) / 1000;
    return {
      count,
      rate: count > 1 && seconds > 0.02 ? (count - 1) / seconds : null,
      wait: this.first === null ? null : (this.first - this.begun) / 1000,
      prompt: this.usage?.prompt_tokens ?? null,
    };
  }
}
