// A model's text as Markdown. Two walls: HTML in it is shown as text, and DOMPurify lets nothing through that acts or
// fetches.

import DOMPurify from "../vendor/dompurify/purify.es.js";
import { Marked } from "../vendor/marked/marked.esm.js";
import { h } from "./dom.js";
import { copyButton } from "./copy.js";

const escaped = (text) => text.replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`);

const marked = new Marked({
  gfm: true,
  breaks: true,
  renderer: {
    html: ({ text }) => escaped(text),
    image: ({ href, text }) => `<a href="${escaped(href)}">${escaped(text || href)}</a>`, // nothing is fetched for a model
    checkbox: ({ checked }) => (checked ? "☑ " : "☐ "),
  },
});

const ALLOWED = {
  ALLOWED_TAGS: [
    "a",
    "blockquote",
    "br",
    "code",
    "del",
    "em",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "hr",
    "li",
    "ol",
    "p",
    "pre",
    "strong",
    "table",
    "tbody",
    "td",
    "th",
    "thead",
    "tr",
    "ul",
  ],
  ALLOWED_ATTR: ["href", "start"],
  ALLOWED_URI_REGEXP: /^(?:https?:|mailto:)/i,
  ALLOW_DATA_ATTR: false,
  ALLOW_ARIA_ATTR: false,
  RETURN_DOM_FRAGMENT: true,
};

/** The purified HTML of a text; as plain text where its nesting is too deep to be read. */
function purified(text) {
  try {
    return DOMPurify.sanitize(marked.parse(text), ALLOWED) ?? h("p", {}, text);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    return h("div", {}, h("p", { class: "raw" }, text));
  }
}

/** What can stand in the page. */
export function rendered(text) {
  const fragment = purified(text);
  for (const link of fragment.querySelectorAll("a")) {
    if (!link.hasAttribute("href")) link.replaceWith(...link.childNodes);
    else Object.assign(link, { target: "_blank", rel: "noopener noreferrer nofollow", title: link.href });
  }
  const headings = [...fragment.querySelectorAll("h1, h2, h3, h4, h5, h6")];
  const levels = [...new Set(headings.map((heading) => heading.tagName))].sort();
  for (const heading of headings) {
    const level = Math.min(6, 3 + levels.indexOf(heading.tagName)); // an answer's headings stand below the page's own
    heading.replaceWith(h(`h${level}`, {}, ...heading.childNodes));
  }
  for (const table of fragment.querySelectorAll("table")) {
    const frame = h("div", { class: "scroll", tabindex: "0" });
    table.replaceWith(frame);
    frame.append(table);
  }
  for (const pre of fragment.querySelectorAll("pre")) {
    const frame = h("div", { class: "code" });
    pre.replaceWith(frame);
    pre.tabIndex = 0; // what scrolls can be scrolled by keys
    frame.append(
      pre,
      copyButton(() => pre.textContent),
    );
  }
  return fragment;
}
