// Where a message is written; while an answer comes, its button stops it.

import { h, icon } from "./dom.js";
import { tr } from "./language.js";

const touch = matchMedia("(pointer: coarse)"); // there Enter makes a line, as phones' keyboards have no Shift+Enter

export function composer(chat) {
  const field = h("textarea", {
    id: "message",
    rows: "1",
    dir: "auto",
    "aria-label": tr("Message", "Mensagem"),
    placeholder: tr("Write a message", "Escreva uma mensagem"),
    oninput: () => fit(),
    onkeydown: (event) => {
      if (event.key !== "Enter" || event.shiftKey || event.isComposing || touch.matches) return;
      event.preventDefault();
      form.requestSubmit();
    },
  });
  const button = h("button", { class: "send" });
  const form = h(
    "form",
    {
      class: "composer",
      onsubmit: (event) => {
        event.preventDefault();
        if (chat.run) {
          chat.stop();
        } else if (field.value.trim()) {
          const text = field.value;
          field.value = "";
          fit();
          chat.send(text);
        }
        field.focus();
      },
    },
    h("div", { class: "box" }, field, button),
    h(
      "p",
      { class: "hint" },
      tr("Enter sends, Shift+Enter makes a line, Esc stops", "Enter envia, Shift+Enter quebra a linha, Esc interrompe"),
    ),
  );

  function fit() {
    field.style.height = "auto";
    field.style.height = `${field.scrollHeight}px`;
    draw();
  }

  function draw() {
    const busy = Boolean(chat.run);
    const label = busy ? tr("Stop", "Interromper") : tr("Send", "Enviar");
    if (button.getAttribute("aria-label") !== label) button.replaceChildren(icon(busy ? "stop" : "send"));
    button.setAttribute("aria-label", label);
    button.title = label;
    button.disabled = !busy && !field.value.trim();
  }

  chat.on("state", draw);
  draw();
  return { form, field, keepDraft: (text) => ((field.value = text), fit()) };
}
