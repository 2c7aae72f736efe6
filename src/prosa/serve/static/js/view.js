// The open conversation: its turns, the answer being written, what went wrong, or, empty, where to begin.

import { h, icon } from "./dom.js";
import { emptyView } from "./empty.js";
import { lasts, plain } from "./errors.js";
import { closeInspector } from "./inspector.js";
import { tr } from "./language.js";
import { baseOf, ways } from "./models.js";
import { assistantTurn, liveView, turnKey, userTurn } from "./turns.js";
import { path, turns } from "./tree.js";

export function conversationView(chat, { askKey, send, begin }) {
  const list = h("div", { class: "turns" });
  const latest = h(
    "button",
    {
      type: "button",
      class: "latest",
      hidden: true,
      "aria-label": tr("To the end", "Ao fim"),
      onclick: () => follow(true),
    },
    icon("down"),
  );
  const view = h("div", { class: "view", tabindex: "-1" }, list, latest);
  let live = null;
  let drawing = 0;
  let counting = 0;
  let following = true;
  let shown = null; // the conversation's id
  const made = new Map(); // its turns, by what they depend on

  view.addEventListener("scroll", () => {
    following = view.scrollHeight - view.scrollTop - view.clientHeight < 60;
    latest.hidden = following;
  });

  function follow(always = false) {
    if (!following && !always) return;
    following = true;
    view.scrollTop = view.scrollHeight;
  }

  const hasDocuments = () => ways(chat.models, baseOf(chat.conversation.model ?? "")).length > 0;

  function draw() {
    closeInspector();
    clearInterval(counting);
    const nodes = path(chat.conversation);
    const { run } = chat;
    document.title = nodes.length ? `${chat.conversation.title} – Prosa` : "Prosa";
    if (shown !== chat.conversation.id) {
      following = true;
      made.clear();
    }
    shown = chat.conversation.id;
    view.classList.toggle("empty", nodes.length === 0);
    if (!nodes.length) {
      list.replaceChildren(emptyView(send, hasDocuments() ? begin : null));
      latest.hidden = true;
      return;
    }
    const groups = turns(nodes);
    live = run ? liveView(run.reply) : null;
    if (live && groups.at(-1).role === "user") groups.push({ role: "assistant", nodes: [] });
    const at = view.scrollTop;
    list.replaceChildren(
      h("h1", { class: "unseen" }, chat.conversation.title),
      ...groups.map((group, i) => turn(group, i === groups.length - 1 ? live : null)),
      ...(run ? [] : ending(nodes.at(-1))),
    );
    for (const button of list.querySelectorAll("[data-idle]")) button.disabled = Boolean(run);
    view.scrollTop = at;
    follow();
  }

  /** A turn's element: the one that stands there already, where nothing about it changed. */
  function turn(group, written) {
    if (written && group.role === "assistant") return assistantTurn(chat, group.nodes, written);
    const key = turnKey(chat, group);
    if (!made.has(key))
      made.set(key, group.role === "user" ? userTurn(chat, group.nodes[0]) : assistantTurn(chat, group.nodes));
    return made.get(key);
  }

  /** What stands under the last message where its answer failed or is missing. */
  function ending(last) {
    const { failure } = chat;
    const open = last.message.role !== "assistant";
    if (!failure && !open) return [];
    const { title, text, action, wait } = failure
      ? plain(failure)
      : { title: tr("There is no answer yet.", "Ainda não há resposta."), text: "", action: "again", wait: null };
    const label = failure ? tr("Try again", "Tentar de novo") : tr("Answer", "Responder");
    const button = {
      again: () =>
        h(
          "button",
          { type: "button", class: "strong", onclick: () => (open ? chat.goOn() : chat.again(lastAsked())) },
          label,
        ),
      key: () =>
        h(
          "button",
          { type: "button", class: "strong", onclick: askKey },
          tr("Enter another key", "Informar outra chave"),
        ),
      new: () =>
        h(
          "button",
          { type: "button", class: "strong", onclick: () => chat.begin() },
          tr("New conversation", "Nova conversa"),
        ),
    }[action]?.();
    if (button && wait && wait < 3600) countDown(button, label, wait);
    return [
      h(
        "div",
        { class: `ending${failure ? " failure" : ""}`, role: failure ? "alert" : null },
        h("p", {}, h("strong", {}, title), text && ` ${text}`),
        h("div", { class: "row" }, button),
      ),
    ];
  }

  const lastAsked = () => path(chat.conversation).findLast(({ message }) => message.role === "user");

  function countDown(button, label, seconds) {
    let left = Math.ceil(seconds);
    const show = () => {
      button.disabled = left > 0;
      button.textContent = left > 0 ? `${label} (${lasts(left)})` : label;
      if (left <= 0) clearInterval(counting);
      left -= 1;
    };
    show();
    counting = setInterval(show, 1000);
  }

  chat.on("view", draw);
  chat.on("state", () => path(chat.conversation).length || draw()); // another model may have documents
  chat.on("live", () => {
    drawing ||= requestAnimationFrame(() => {
      drawing = 0;
      if (!chat.run || !live?.isConnected) return;
      const next = liveView(chat.run.reply);
      live.replaceWith(next);
      live = next;
      follow();
    });
  });
  draw();
  return view;
}
