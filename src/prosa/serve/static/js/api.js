// The server's HTTP API, as any client of it would call it.

import { key } from "./key.js";
import { language } from "./language.js";
import { events } from "./sse.js";

/** What went wrong: `status` 0 means that no answer came. */
export class ApiError extends Error {
  constructor(status, { message = "", code = null, type = null } = {}, retryAfter = null) {
    super(message);
    Object.assign(this, { status, code, type, retryAfter });
  }
}

async function call(path, { method = "GET", body, signal } = {}) {
  const headers = { "Accept-Language": language() };
  if (key()) headers.Authorization = `Bearer ${key()}`;
  if (body) headers["Content-Type"] = "application/json";
  let response;
  try {
    response = await fetch(path, { method, headers, body: body && JSON.stringify(body), signal, credentials: "omit" });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new ApiError(0);
  }
  if (response.ok) return response;
  const found = await response.json().catch(() => ({}));
  const seconds = Number(response.headers.get("Retry-After"));
  throw new ApiError(response.status, found.error, Number.isFinite(seconds) && seconds > 0 ? seconds : null);
}

/** The models: OpenAI's objects. */
export const models = async () => (await (await call("/v1/models")).json()).data;

/** The server's own tools, as a request's `tools`; none where it has none. */
export async function tools() {
  try {
    const found = await (await call("/v1/tools")).json();
    return found.data ?? found.tools ?? found;
  } catch (error) {
    if (error.status === 404) return [];
    throw error;
  }
}

/** Runs one of the server's tools: `{content, error}`. */
export const runTool = async (name, args, signal) =>
  (await call("/v1/tools/run", { method: "POST", body: { name, arguments: args }, signal })).json();

/** How many tokens a conversation has for a model, with what is told of the tools. */
export const countTokens = async (model, messages, tools, signal) =>
  (
    await (
      await call("/tokenize", {
        method: "POST",
        body: { model, messages, ...(tools.length ? { tools } : {}) },
        signal,
      })
    ).json()
  ).count;

/** A passage that an answer cites, with what stands around it. */
export const passage = async (id) => (await call(`/v1/passages/${encodeURIComponent(id)}`)).json();

/** The chunks of a chat completion, as they come. An error in the stream is thrown; an end without [DONE] too. */
export async function* chat(body, signal) {
  const response = await call("/v1/chat/completions", { method: "POST", body, signal });
  let done = false;
  try {
    for await (const data of events(response.body)) {
      if (data === "[DONE]") done = true; // read to the end, so that the connection can serve again
      if (done) continue;
      const chunk = JSON.parse(data);
      if (chunk.error) throw new ApiError(chunk.error.status ?? 500, chunk.error);
      yield chunk;
    }
  } catch (error) {
    if (signal?.aborted || error instanceof ApiError) throw error;
    throw new ApiError(0);
  }
  if (!done) throw new ApiError(0);
}
