// A turn of the conversation: what a person said, or an answer with its tools, tokens and figures.

import { callView } from "./calls.js";
import { citations, placeMarks, sources, withMarks } from "./citations.js";
import { copyButton } from "./copy.js";
import { h, iconButton } from "./dom.js";
import { inspect } from "./inspector.js";
import { number, tr } from "./language.js";
import { rendered } from "./markdown.js";
import { mark } from "./marks.js";
import { tokensOf } from "./steps.js";
import { tokenView } from "./tokens.js";
import { siblings } from "./tree.js";

const inTokens = new Set(); // ids of the answers that are shown as tokens

const IDLE = { data: { idle: "" } }; // what can only be done while no answer is being written

/** What a turn's looks depend on: one that has the same key can stay as it is. */
export function turnKey(chat, { nodes }) {
  const all = siblings(chat.conversation, nodes[0]);
  return [all.length, inTokens.has(nodes[0].id), ...nodes.map(({ id }) => id)].join(" ");
}

/** ‹ 2 of 3 ›, where there are several versions. */
function versions(chat, node) {
  const all = siblings(chat.conversation, node);
  if (all.length < 2) return null;
  const at = all.indexOf(node.id);
  const to = (step) => () => chat.choose(all[at + step]);
  return h(
    "span",
    { class: "versions", role: "group", "aria-label": tr("Versions", "Versões") },
    iconButton("left", tr("Version before", "Versão anterior"), to(-1), { disabled: at === 0 }),
    h("span", {}, `${number(at + 1)} / ${number(all.length)}`),
    iconButton("right", tr("Version after", "Próxima versão"), to(1), { disabled: at === all.length - 1 }),
  );
}

export function userTurn(chat, node) {
  const text = h("div", { class: "said", dir: "auto" }, node.message.content);
  const actions = h(
    "div",
    { class: "actions" },
    versions(chat, node),
    copyButton(() => node.message.content),
    iconButton("edit", tr("Edit", "Editar"), () => edit(), IDLE),
  );
  const turn = h(
    "article",
    { class: "turn user" },
    h("h2", { class: "unseen" }, tr("You said", "Você disse")),
    text,
    actions,
  );
  function edit() {
    const field = h("textarea", { "aria-label": tr("Edit the message", "Editar a mensagem"), rows: "3" });
    field.value = node.message.content;
    const form = h(
      "form",
      {
        class: "edit",
        onsubmit: (event) => {
          event.preventDefault();
          if (!field.value.trim()) return;
          chat.edit(node, field.value);
          document.querySelector("#message").focus();
        },
        onkeydown: (event) => {
          if (event.key === "Escape") cancel();
          else if (event.key === "Enter" && !event.shiftKey && !event.isComposing) form.requestSubmit();
          else return;
          event.preventDefault();
        },
      },
      field,
      h(
        "p",
        { class: "note" },
        tr("The earlier version stays; arrows will switch.", "A versão anterior fica; setas vão alternar."),
      ),
      h(
        "div",
        { class: "row" },
        h("button", { type: "button", class: "plain", onclick: () => cancel() }, tr("Cancel", "Cancelar")),
        h("button", { class: "strong" }, tr("Send", "Enviar")),
      ),
    );
    const cancel = () => {
      form.replaceWith(text, actions);
      actions.querySelector(".icon-edit").closest("button").focus();
    };
    text.remove();
    actions.replaceWith(form);
    field.focus();
    field.setSelectionRange(field.value.length, field.value.length);
  }
  return turn;
}

/** One message of the model: as text whose words open their token, or as tokens. */
function messageView(chat, node, asTokens) {
  const tokens = tokensOf(node);
  const body = h("div", { class: "text", dir: "auto" });
  const open = (index) => {
    const vocabulary = chat.models.find(({ id }) => id === chat.conversation.model)?.vocab_size;
    inspect(node, index, (at) => body.querySelector(`[data-token="${at}"]`), vocabulary);
  };
  if (asTokens && tokens.length) {
    body.append(tokenView(tokens, open));
    return body;
  }
  const cited = citations(node.annotations, node.message.content);
  body.append(rendered(withMarks(node.message.content ?? "", cited)));
  if (tokens.length) mark(body, tokens);
  placeMarks(body, cited);
  body.addEventListener("click", ({ target }) => {
    const word = target.closest(".word");
    if (word && !target.closest("a, button") && getSelection().isCollapsed) open(Number(word.dataset.token));
  });
  return body;
}

export function assistantTurn(chat, nodes, live) {
  const first = nodes[0];
  const asTokens = first !== undefined && inTokens.has(first.id);
  const results = new Map(nodes.filter((n) => n.message.role === "tool").map((n) => [n.message.tool_call_id, n]));
  const parts = nodes
    .filter(({ message }) => message.role === "assistant")
    .map((node) => [
      (node.message.content || (asTokens && node.tokens)) && messageView(chat, node, asTokens),
      (node.message.tool_calls ?? []).map((call) => callView(call, results.get(call.id))),
      sources(citations(node.annotations, node.message.content)),
    ]);
  const turn = h(
    "article",
    { class: `turn assistant${live ? " writing" : ""}`, "aria-busy": live ? "true" : null },
    h("h2", { class: "unseen" }, tr("Answer", "Resposta")),
    parts,
    live,
    !live && nodes.length > 0 && footer(chat, nodes, asTokens),
  );
  return turn;
}

/** Why an answer ended, where that is not by itself. */
const ENDS = {
  length: () => tr("Cut at the greatest length.", "Cortada no comprimento máximo."),
  stopped: () => tr("Stopped.", "Interrompida."),
  lost: () => tr("The connection was lost here.", "A conexão caiu aqui."),
};

const without = (count) =>
  tr(
    `Answered without the first ${number(count)} messages, which did not fit.`,
    `Respondida sem as primeiras ${number(count)} mensagens, que não couberam.`,
  );

function footer(chat, nodes, asTokens) {
  const first = nodes[0];
  const written = nodes.filter(({ message }) => message.role === "assistant");
  const { finish, leftOut } = written.at(-1);
  const why = [leftOut && without(leftOut), ENDS[finish]?.()].filter(Boolean).join(" ");
  return h(
    "div",
    { class: "footer" },
    why && h("p", { class: "why" }, why),
    h(
      "div",
      { class: "actions" },
      versions(chat, first),
      copyButton(() =>
        written
          .map(({ message }) => message.content)
          .filter(Boolean)
          .join("\n\n"),
      ),
      iconButton(
        "again",
        tr("Answer again", "Responder de novo"),
        () => {
          chat.again(chat.conversation.nodes[first.parent]);
          document.querySelector("#message").focus();
        },
        IDLE,
      ),
      written.some(({ tokens }) => tokens) &&
        iconButton(
          "tokens",
          tr("Show as tokens", "Ver em tokens"),
          () => {
            if (!inTokens.delete(first.id)) inTokens.add(first.id);
            chat.tell("view");
            document.querySelector(`[data-turn="${first.id}"]`)?.focus();
          },
          { "aria-pressed": String(asTokens), data: { turn: first.id } },
        ),
      figures(written),
    ),
  );
}

/** Tokens, tokens a second, seconds to the first. */
function figures(written) {
  const all = written.map((node) => node.figures).filter(Boolean);
  if (!all.length) return null;
  const count = all.reduce((sum, one) => sum + one.count, 0);
  const rate = all.at(-1).rate;
  return h(
    "p",
    { class: "figures" },
    h("span", {}, `${number(count)} ${count === 1 ? "token" : "tokens"}`),
    rate !== null && h("span", {}, `${number(rate, rate < 10 ? 1 : 0)} tokens/s`),
    all[0].wait !== null &&
      h(
        "span",
        { class: "wait" },
        tr(`first in ${number(all[0].wait, 2)} s`, `primeiro em ${number(all[0].wait, 2)} s`),
      ),
  );
}

/** What is drawn while a message is being written. */
export function liveView(reply) {
  const body = h("div", { class: "text live", dir: "auto" });
  if (reply?.content) body.append(rendered(reply.content));
  const calls = (reply?.calls ?? []).map((call) => callView(call));
  return h(
    "div",
    {},
    reply?.content ? body : null,
    calls,
    !reply?.content && !calls.length && h("p", { class: "thinking" }, h("span"), h("span"), h("span")),
  );
}
