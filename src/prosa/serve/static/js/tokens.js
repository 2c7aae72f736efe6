// An answer as the model wrote it: token after token, tinted by how surprising each was; arrow keys walk through them.

import { h } from "./dom.js";
import { percent, tr } from "./language.js";

/** White space made visible, where a token is shown by itself. */
export const visible = (text) => text.replace(/ /g, "␣").replace(/\n/g, "⏎").replace(/\t/g, "⇥") || "∅";

/** 0 (expected) to 4 (a surprise), by the token's probability. */
const surprise = (logprob) => [0.9, 0.6, 0.3, 0.1].filter((bound) => Math.exp(logprob) < bound).length;

/**
 * @param open called with a token's index
 */
export function tokenView(tokens, open) {
  const buttons = tokens.map(({ t, p }, index) =>
    h(
      "span", // a button would not break over lines
      {
        role: "button",
        class: `token surprise-${surprise(p)}`,
        data: { token: index },
        tabindex: index === 0 ? "0" : "-1",
        "aria-label": `${visible(t)}, ${percent(Math.exp(p))}`,
      },
      t.replace(/\n/g, "⏎\n") || "∅",
    ),
  );
  const view = h(
    "div",
    {
      class: "tokens",
      role: "group",
      "aria-label": tr("Tokens; arrow keys walk, Enter opens", "Tokens; setas percorrem, Enter abre"),
      onclick: ({ target }) => {
        const button = target.closest(".token");
        if (button) open(Number(button.dataset.token));
      },
      onkeydown: (event) => {
        const at = buttons.indexOf(document.activeElement);
        if (event.key === "Enter" || event.key === " ") {
          event.preventDefault();
          open(at);
        }
        const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: buttons.length - 1 }[event.key];
        if (to === undefined || !buttons[to]) return;
        event.preventDefault();
        roam(to);
      },
    },
    buttons,
  );
  function roam(to) {
    for (const button of buttons) button.tabIndex = -1;
    buttons[to].tabIndex = 0;
    buttons[to].focus();
  }
  return view;
}
