// What an answer cites: a mark in the text, a line under it, and the passage itself in its surroundings.

import { passage } from "./api.js";
import { h, icon, iconButton } from "./dom.js";
import { plain } from "./errors.js";
import { number, tr } from "./language.js";

const FIRST = 0xe000; // private-use characters that stand for marks while Markdown is read
const LAST = 0xe0ff;

/**
 * What annotations of a text cite, each passage once: with its number and the places [from, to] where its mark belongs.
 * A mark that the text has there already, as [2], gives the number, and the button takes its place.
 */
export function citations(annotations, text) {
  const found = new Map();
  const characters = [...(text ?? "")]; // indices count characters, as Python's do
  for (const { type, file_citation: cited } of annotations ?? []) {
    if (type !== "file_citation") continue;
    const one = found.get(cited.passage_id) ?? { ...cited, places: [], number: null };
    const { place, written } = markAt(characters, Math.min(cited.end_index ?? characters.length, characters.length));
    if (!one.places.some(([from]) => from === place[0])) one.places.push(place);
    one.number ??= written;
    found.set(cited.passage_id, one);
  }
  const all = [...found.values()].slice(0, LAST - FIRST);
  const numbered = all.every((one) => one.number !== null);
  return all.map((one, i) => ({ ...one, number: numbered ? one.number : i + 1 }));
}

/** Where the mark of a citation that ends there stands, or would. */
function markAt(characters, end) {
  const before = /\s?\[(\d{1,3})\]$/.exec(characters.slice(Math.max(0, end - 6), end).join(""));
  if (before) return { place: [end - before[0].length, end], written: Number(before[1]) };
  const after = /^\s?\[(\d{1,3})\]/.exec(characters.slice(end, end + 6).join(""));
  if (after) return { place: [end, end + after[0].length], written: Number(after[1]) };
  return { place: [end, end], written: null };
}

/** The text with a private character for each mark; any the text had itself become U+FFFD then. */
export function withMarks(text, cited) {
  if (!cited.length) return text;
  const characters = [...text.replace(/[\uE000-\uE0FF]/g, "\uFFFD")];
  const places = cited.flatMap((one, i) => one.places.map((place) => [...place, i]));
  places.sort((a, b) => b[0] - a[0] || b[2] - a[2]); // from the end, so that what is before stays where it is
  for (const [from, to, i] of places) characters.splice(from, to - from, String.fromCodePoint(FIRST + i));
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
        return i >= 0 && i < cited.length ? mark(cited[i]) : part.replace(/[\uE000-\uE0FF]/g, "");
      }),
    );
  }
}

const mark = (one) =>
  h(
    "button",
    {
      type: "button",
      class: "mark",
      "aria-label": `${tr("Source", "Fonte")} ${number(one.number)}: ${one.file}`,
      title: where(one),
      onclick: () => show(one),
    },
    number(one.number),
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
        h(
          "li",
          {},
          h(
            "button",
            { type: "button", onclick: () => show(one) },
            h("span", { class: "count" }, number(one.number)),
            icon("page"),
            h("span", {}, where(one)),
          ),
        ),
      ),
    ),
  );

async function show(one) {
  const body = h(
    "div",
    { class: "passage", tabindex: "0", "aria-busy": "true" },
    h("p", {}, tr("Opening…", "Abrindo…")),
  );
  const dialog = h(
    "dialog",
    {
      class: "reader",
      "aria-labelledby": "reader-title",
      onclose: () => dialog.remove(),
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
