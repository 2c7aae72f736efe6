// What the page does, without how it looks: conversations, the answers being written, and the settings in force.
//
// Tells with events what must be drawn again: "list" (the conversations), "view" (the open one), "live" (the answer
// being written in it), "state" (busy or not, models, settings).

import * as api from "./api.js";
import { announce } from "./announce.js";
import { tr } from "./language.js";
import { keep, kept } from "./keep.js";
import * as settings from "./settings.js";
import * as store from "./store.js";
import { answer } from "./talk.js";
import { add, choose, end, newConversation, path } from "./tree.js";

const OPEN = "prosa.open";

export class Chat {
  models = [];
  tools = [];
  titles = [];
  conversation = newConversation(settings.last(), null);
  #listeners = [];
  #runs = new Map(); // a conversation's id -> {conversation, controller, reply}
  #failures = new Map(); // a conversation's id -> what ended its last answer

  on(name, listener) {
    this.#listeners.push([name, listener]);
  }

  /** Forgets who listens: the page is put together anew. */
  unheard() {
    this.#listeners = [];
  }

  tell(...names) {
    for (const [name, listener] of this.#listeners) if (names.includes(name)) listener();
  }

  /** Reads what the server offers. Throws what the API throws. */
  async connect() {
    this.models = await api.models();
    this.tools = await api.tools();
    if (!this.knows(this.conversation.model)) this.conversation.model = this.#model();
    this.tell("state");
  }

  knows = (id) => this.models.some((model) => model.id === id);

  #model() {
    const last = kept("prosa.model");
    return this.knows(last) ? last : (this.models[0]?.id ?? null);
  }

  get run() {
    return this.#runs.get(this.conversation.id);
  }

  get failure() {
    return this.#failures.get(this.conversation.id);
  }

  /** The tools that requests offer. */
  get offered() {
    const without = new Set(this.conversation.settings.withoutTools);
    return this.tools.filter((tool) => !without.has(tool.function.name));
  }

  async listed() {
    this.titles = await store.titles();
    this.tell("list");
  }

  // conversations

  begin() {
    keep(OPEN, null, "sessionStorage");
    this.conversation = newConversation(settings.last(), this.#model());
    this.tell("view", "list", "state");
  }

  async open(id) {
    const found = this.#runs.get(id)?.conversation ?? (await store.load(id));
    if (!found) return;
    found.settings = { ...settings.initial(), ...found.settings };
    if (this.models.length && !this.knows(found.model)) found.model = this.#model();
    this.conversation = found;
    keep(OPEN, id, "sessionStorage");
    this.tell("view", "list", "state");
  }

  /** Opens what was open before the page was loaded again, in this tab. */
  async reopen() {
    const id = kept(OPEN, "sessionStorage");
    if (id) await this.open(id);
  }

  async rename(id, title) {
    const found = await this.#conversation(id);
    Object.assign(found, { title, named: true });
    await this.#saved(found);
  }

  async remove(id) {
    this.#runs.get(id)?.controller.abort();
    await store.remove(id);
    this.titles = this.titles.filter((one) => one.id !== id);
    if (id === this.conversation.id) this.begin();
    else this.tell("list");
  }

  /** The whole of a conversation that may not be the open one. */
  async #conversation(id) {
    if (id === this.conversation.id) return this.conversation;
    return this.#runs.get(id)?.conversation ?? store.load(id);
  }

  whole = (id) => this.#conversation(id);

  async #saved(conversation) {
    try {
      await store.save(conversation);
    } catch {
      announce(
        tr(
          "The browser has no room to keep this conversation",
          "O navegador não tem espaço para guardar esta conversa",
        ),
      );
    }
    await this.listed();
  }

  // settings

  setModel(id) {
    this.conversation.model = id;
    keep("prosa.model", id);
    this.#settled();
  }

  set(name, value) {
    this.conversation.settings[name] = value;
    settings.remember(this.conversation.settings);
    this.#settled();
  }

  reset() {
    this.conversation.settings = settings.initial();
    settings.remember(this.conversation.settings);
    this.#settled();
  }

  #settled() {
    if (path(this.conversation).length && !this.run) store.save(this.conversation).catch(() => {});
    this.tell("state");
  }

  // talking

  send(text) {
    return this.#ask(this.conversation, add(this.conversation, { role: "user", content: text.normalize("NFC") }));
  }

  /** Another wording of a message: a branch beside it, answered anew. */
  edit(node, text) {
    return this.#ask(
      this.conversation,
      add(this.conversation, { role: "user", content: text.normalize("NFC") }, node.parent),
    );
  }

  /** Another answer to the user's message `node`, beside those it has. */
  again(node) {
    node.chosen = null;
    return this.#ask(this.conversation, node);
  }

  /** Goes on where an answer is missing: after a message or a tool's result. */
  goOn() {
    return this.#ask(this.conversation, end(this.conversation));
  }

  choose(id) {
    choose(this.conversation, id);
    this.#failures.delete(this.conversation.id);
    this.#saved(this.conversation);
    this.tell("view");
  }

  stop() {
    this.run?.controller.abort();
  }

  async #ask(conversation, node) {
    if (this.#runs.has(conversation.id)) return;
    const run = { conversation, controller: new AbortController(), reply: null };
    this.#runs.set(conversation.id, run);
    this.#failures.delete(conversation.id);
    if (this.conversation === conversation) keep(OPEN, conversation.id, "sessionStorage");
    conversation.updated = Date.now();
    if (!conversation.named) conversation.title = titled(path(conversation)[0].message.content);
    const here = () => this.conversation === conversation;
    this.tell("view", "state");
    this.#saved(conversation);
    announce(tr("Writing an answer", "Escrevendo a resposta"));
    try {
      await answer(conversation, node, {
        model: conversation.model,
        window: this.models.find(({ id }) => id === conversation.model)?.context_length,
        offered: this.offered,
        signal: run.controller.signal,
        seen: (reply) => {
          run.reply = reply;
          if (here()) this.tell(reply ? "live" : "view");
        },
      });
      const said = end(conversation).message.content;
      if (here())
        announce(
          said
            ? `${tr("Answer", "Resposta")}: ${said}`
            : tr("Answer ended, without text", "Resposta terminada, sem texto"),
        );
    } catch (error) {
      if (node.chosen === null) node.chosen = node.children.at(-1) ?? null; // nothing new came: the old answer is back
      if (run.controller.signal.aborted) {
        if (here()) announce(tr("Stopped", "Interrompida"));
      } else {
        this.#failures.set(conversation.id, error);
        if (error.status === undefined) console.error(error);
      }
    } finally {
      this.#runs.delete(conversation.id);
      await this.#saved(conversation);
      if (here()) this.tell("view", "state");
    }
  }
}

/** The first line's beginning. */
function titled(text) {
  const line = text.trim().split("\n")[0];
  return line.length > 60 ? `${line.slice(0, 57).trimEnd()}…` : line;
}
