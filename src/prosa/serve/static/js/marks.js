// Which token each piece of a rendered answer came from, so that a click on a word finds its token.
//
// Markdown drops and moves no characters but its own marks, so the rendered text is, up to white space, the written
// one with some left out: one walk through both finds each character's owner.

import { h } from "./dom.js";

const AHEAD = 120; // how far a character is looked for past what Markdown left out (a link's address)

/** The token of each character of `shown`. */
export function owners(shown, tokens) {
  const written = [];
  tokens.forEach(({ t }, index) => {
    for (const character of t) written.push([character, index]);
  });
  const found = [];
  let at = 0;
  let owner = written[0]?.[1] ?? 0;
  for (const character of shown) {
    let next = at;
    const limit = Math.min(written.length, at + AHEAD);
    if (/\s/.test(character)) next = /\s/.test(written[at]?.[0] ?? "") ? at : limit;
    else while (next < limit && written[next][0] !== character) next++;
    if (next < limit) {
      owner = written[next][1];
      at = next + 1;
    }
    for (let unit = 0; unit < character.length; unit++) found.push(owner);
  }
  return found;
}

/** Wraps each token's part of the text under `root` in a span with `data-token`. */
export function mark(root, tokens) {
  const walker = document.createTreeWalker(root, NodeFilter.SHOW_TEXT, (node) =>
    node.parentElement.closest("button") ? NodeFilter.FILTER_REJECT : NodeFilter.FILTER_ACCEPT,
  );
  const texts = [];
  while (walker.nextNode()) texts.push(walker.currentNode);
  const all = owners(texts.map((node) => node.data).join(""), tokens);
  let start = 0;
  for (const node of texts) {
    const text = node.data;
    const spans = [];
    for (let from = 0; from < text.length;) {
      let to = from + 1;
      while (to < text.length && all[start + to] === all[start + from]) to++;
      spans.push(h("span", { class: "word", data: { token: all[start + from] } }, text.slice(from, to)));
      from = to;
    }
    start += text.length;
    if (text.trim()) node.replaceWith(...spans);
  }
}
