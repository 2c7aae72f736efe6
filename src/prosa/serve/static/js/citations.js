// What an answer cites: a mark in the text, a line under it, and the passage itself in its surroundings.

import { passage } from "./api.js";
import { h, icon, iconButton } from "./dom.js";
import { plain } from "./errors.js";
import { number, tr } from "./language.js";

const FIRST = 0xe000; // private-use characters that stand for marks while Markdown is read
const LAST = 0xe0ff;

/** The citations of annotations, each passage once, with where in the text it is cited. */
export function citations(annotations = []) {
  const found = new Map();
  for (const { type, file_citation: cited } of annotations) {
    if (type !== "file_citation") continue;
    const one = found.get(cited.passage_id) ?? { ...cited, ends: [] };
    if (Number.isInteger(cited.end_index)) one.ends.push(cited.end_index);
    found.set(cited.passage_id, one);
  }
  return [...found.values()].slice(0, LAST - FIRST);
}

/** The text with a private character where each is cited; any the text had itself become U+FFFD then. */
export function withMarks(text, cited) {
  if (!cited.length) return text;
  const characters = [...text.replace(/[\uE000-\uE0FF]/g, "\uFFFD")]; // indices count characters, as Python's do
  const at = cited.flatMap(({ ends }, i) => ends.map((end) => [end, i])).sort((a, b) => b[0] - a[0] || b[1] - a[1]);
  for (const [end, i] of at) characters.splice(Math.min(end, characters.length), 0, String.fromCodePoint(FIRST + i));
  return characters.join("");
}

/** Puts a button in the place of each of those characters. */
export function placeMarks(root, cited) {
  if (!cited.length) return;
  const walker = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
  const texts = [];
  while (walker.nextNode()) texts.push(walker.currentNode);
  for (const node of texts) {
    const parts = node.data.split(/([\uE000-\uE0FF])/);
    if (parts.length === 1) continue;
    node.replaceWith(
      ...parts.filter(Boolean).map((part) => {
        const i = part.codePointAt(0) - FIRST;
        return i >= 0 && i < cited.length ? mark(cited[i], i) : part.replace(/[\uE000-\uE0FF]/g, "");
      }),
    );
  }
}

const mark = (one, i) =>
  h(
    "button",
    {
      type: "button",
      class: "mark",
      "aria-label": `${tr("Source", "Fonte")} ${number(i + 1)}: ${one.file}`,
      title: where(one),
      onclick: () => show(one),
    },
    number(i + 1),
  );

const where = ({ file, place }) => [file, place].filter(Boolean).join(", ");

/** The list under an answer. */
export const sources = (cited) =>
  cited.length > 0 &&
  h(
    "div",
    { class: "sources" },
    h("h3", {}, tr("Sources", "Fontes")),
    h(
      "ol",
      {},
      cited.map((one) =>
        h("li", {}, h("button", { type: "button", onclick: () => show(one) }, icon("page"), h("span", {}, where(one)))),
      ),
    ),
  );

async function show(one) {
  const body = h(
    "div",
    { class: "passage", tabindex: "0", "aria-busy": "true" },
    h("p", {}, tr("Opening…", "Abrindo…")),
  );
  const back = document.activeElement;
  const dialog = h(
    "dialog",
    {
      class: "reader",
      "aria-labelledby": "reader-title",
      onclose: () => {
        dialog.remove();
        back?.focus();
      },
      onclick: ({ target }) => target === dialog && dialog.close(),
    },
    h(
      "header",
      {},
      h("div", {}, h("h2", { id: "reader-title" }, one.file), one.place && h("p", {}, String(one.place))),
      iconButton("close", tr("Close", "Fechar"), () => dialog.close()),
    ),
    body,
  );
  document.body.append(dialog);
  dialog.showModal();
  try {
    const found = await passage(one.passage_id);
    body.replaceChildren(
      found.before && h("p", { class: "around" }, found.before),
      h("p", { class: "cited" }, quoted(found.text ?? found.passage ?? "", one.quote)),
      found.after && h("p", { class: "around" }, found.after),
    );
    body.querySelector("mark")?.scrollIntoView({ block: "center" });
  } catch (error) {
    const { title, text } = plain(error);
    body.replaceChildren(
      h(
        "p",
        {},
        error.status === 404
          ? tr("This passage is no longer in the index.", "Este trecho não está mais no índice.")
          : `${title} ${text}`,
      ),
    );
  }
  body.removeAttribute("aria-busy");
}

/** The passage with the quoted words marked, where they stand in it. */
function quoted(text, quote) {
  const at = quote ? text.indexOf(quote) : -1;
  return at < 0 ? text : [text.slice(0, at), h("mark", {}, quote), text.slice(at + quote.length)];
}
