// One step of the model, looked into: the token it took, what else it might have taken, and how that changes with the
// temperature.

import { h, iconButton } from "./dom.js";
import { number, percent, tr } from "./language.js";
import { tokensOf } from "./steps.js";
import { LARGEST_VOCABULARY, reheated } from "./temperature.js";
import { visible } from "./tokens.js";

let open = null; // {close} of the one that is open

/**
 * @param node the message
 * @param index which token
 * @param anchor finds the element of a token by its index
 * @param vocabulary how many tokens the model has, where known
 */
export function inspect(node, index, anchor, vocabulary) {
  open?.close(false);
  let at = index;
  const tokens = tokensOf(node);
  const written = node.temperature ?? 1;
  let T = written;
  const title = h("h2", { id: "step-title" });
  const place = h("p", { class: "place" });
  const list = h("ol", { class: "steps" });
  const note = h("p", { class: "note" });
  const shown = h("output", { for: "step-heat" });
  const heat = h("input", {
    type: "range",
    id: "step-heat",
    min: 0,
    max: 2,
    step: 0.05,
    value: T,
    oninput: () => {
      T = Number(heat.value);
      draw();
    },
  });
  const before = iconButton("left", tr("Token before", "Token anterior"), () => move(at - 1));
  const after = iconButton("right", tr("Token after", "Próximo token"), () => move(at + 1));
  const dialog = h(
    "dialog",
    {
      class: "inspector",
      "aria-labelledby": "step-title",
      onkeydown: (event) => {
        if (event.key === "Escape") close();
        else if (event.target !== heat && event.key === "ArrowLeft") move(at - 1);
        else if (event.target !== heat && event.key === "ArrowRight") move(at + 1);
        else return;
        event.preventDefault();
        event.stopPropagation();
      },
    },
    h(
      "header",
      {},
      title,
      before,
      after,
      iconButton("close", tr("Close", "Fechar"), () => close()),
    ),
    place,
    h("div", { class: "heat" }, h("label", { for: "step-heat" }, tr("Temperature", "Temperatura")), heat, shown),
    list,
    note,
  );

  function move(to) {
    if (!tokens[to]) return;
    at = to;
    draw();
    stand();
  }

  function draw() {
    const token = tokens[at];
    const isTaken = ([text, p]) => text === token.t && Math.abs(p - token.p) < 1e-4;
    const options = token.a.some(isTaken) ? [...token.a] : [...token.a, [token.t, token.p]];
    options.sort((one, other) => other[1] - one[1]);
    const most = token.a.length ? Math.min(...token.a.map(([, p]) => p)) : 0; // the token taken may be rarer than others
    const { shares, rest } = reheated(
      options.map(([, p]) => p),
      most,
      T,
      vocabulary ?? LARGEST_VOCABULARY,
    );
    const taken = options.findIndex(isTaken);
    title.replaceChildren(
      h("span", { class: "piece" }, visible(token.t)),
      h("span", { class: "share" }, range(shares[taken])),
    );
    place.textContent = tr(
      `Token ${number(at + 1)} of ${number(tokens.length)}; written at temperature ${number(written, 2)}`,
      `Token ${number(at + 1)} de ${number(tokens.length)}; escrito com temperatura ${number(written, 2)}`,
    );
    shown.textContent = number(T, 2);
    heat.setAttribute("aria-valuetext", number(T, 2));
    for (const [button, last, other] of [
      [before, 0, after],
      [after, tokens.length - 1, before],
    ]) {
      const focused = document.activeElement === button;
      button.disabled = at === last;
      if (focused && button.disabled) other.focus(); // a disabled button loses the focus, and the arrow keys with it
    }
    list.replaceChildren(
      ...options.map(([text], i) => row(visible(text), shares[i], i === taken ? "taken" : "")),
      row(tr("all others", "todos os outros"), rest, "others"),
    );
    note.textContent = explained(T, token.a.length);
  }

  /** Beside the token it is about; on a narrow screen the style sheet puts it at the bottom. */
  function stand() {
    document.querySelector(".looked-at")?.classList.remove("looked-at");
    const element = anchor(at);
    if (!element) return;
    element.classList.add("looked-at");
    element.scrollIntoView({ block: "nearest" });
    const box = element.getBoundingClientRect();
    const { offsetWidth: width, offsetHeight: height } = dialog;
    const below = box.bottom + 10 + height <= innerHeight || box.top < height + 20;
    dialog.style.left = `${Math.max(12, Math.min(box.left - 24, innerWidth - width - 12))}px`;
    const top = below ? Math.min(box.bottom + 10, innerHeight - height - 12) : box.top - height - 10;
    dialog.style.top = `${Math.max(12, top)}px`;
  }

  function close(back = true) {
    document.querySelector(".looked-at")?.classList.remove("looked-at");
    document.removeEventListener("pointerdown", outside, true);
    removeEventListener("resize", stand);
    dialog.remove();
    open = null;
    if (back) (anchor(at)?.matches("[role=button]") ? anchor(at) : document.querySelector("#message"))?.focus();
  }

  function outside(event) {
    if (!dialog.contains(event.target)) close(false);
  }

  document.body.append(dialog);
  draw();
  dialog.show();
  stand();
  addEventListener("resize", stand);
  document.addEventListener("pointerdown", outside, true);
  open = { close };
}

export const closeInspector = () => open?.close(false);

/** A share that is known within bounds: one number where both round alike. */
function range([low, high]) {
  const [from, to] = [percent(low), percent(high)];
  return from === to ? from : `${from.replace(" %", "")} ${tr("to", "a")} ${to}`;
}

function row(text, share, kind) {
  const bar = h(
    "span",
    { class: "bar", "aria-hidden": "true" },
    h("span", { class: "least" }),
    h("span", { class: "most" }),
  );
  bar.children[0].style.width = `${share[0] * 100}%`;
  bar.children[1].style.width = `${(share[1] - share[0]) * 100}%`;
  const mine = kind === "taken" ? h("span", { class: "unseen" }, tr(" (taken)", " (escolhido)")) : null;
  return h(
    "li",
    { class: kind },
    h("span", { class: "piece" }, text, mine),
    bar,
    h("span", { class: "share" }, range(share)),
  );
}

function explained(T, count) {
  if (T === 1) {
    return tr(
      "At temperature 1 these are the model's own probabilities.",
      "Com temperatura 1 estas são as probabilidades do próprio modelo.",
    );
  }
  if (T === 0)
    return tr("At 0 the most probable token is always taken.", "Com 0 é sempre escolhido o token mais provável.");
  return tr(
    `The server gives the ${count} likeliest tokens and, of all others, only what they add up to. How the others ` +
      "share that is not known, so at this temperature a probability may be a range: the pale part of a bar.",
    `O servidor dá os ${number(count)} tokens mais prováveis e, dos outros, só a soma. Como ela se divide não se sabe; ` +
      "por isso, nesta temperatura, uma probabilidade pode ser uma faixa: a parte clara da barra.",
  );
}
