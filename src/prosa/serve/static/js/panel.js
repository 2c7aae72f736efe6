// The settings of the conversation: system prompt, sampling, tools.

import { toolName } from "./calls.js";
import { h, iconButton } from "./dom.js";
import { number, tr } from "./language.js";
import { FIELDS, NUMBERS } from "./settings.js";

export function settingsPanel(chat, { close }) {
  const body = h("div", { class: "body" });
  let drawn = null;

  /** Drawn anew where another conversation's settings are to be seen, or other tools: not while a field is in use. */
  function draw() {
    const { settings } = chat.conversation;
    const state = `${chat.conversation.id} ${chat.tools.length}`;
    if (drawn?.settings === settings && drawn.state === state) return;
    drawn = { settings, state };
    body.replaceChildren(
      system(settings),
      ...FIELDS.map((field) => slider(settings, field)),
      ...NUMBERS.map((field) => entry(settings, field)),
      ...tools(settings),
      reset(),
    );
  }

  function system(settings) {
    const field = h("textarea", {
      id: "system",
      rows: "4",
      dir: "auto",
      placeholder: tr("e.g. Answer in one sentence.", "p. ex. Responda em uma frase."),
      onchange: () => chat.set("system", field.value),
    });
    field.value = settings.system;
    return h(
      "div",
      { class: "field" },
      h("label", { for: "system" }, tr("System prompt", "Instruções do sistema")),
      field,
    );
  }

  function slider(settings, { name, min, max, step, label, hint }) {
    const digits = step < 0.1 ? 2 : 1;
    const shown = h("output", { for: name });
    const field = h("input", {
      type: "range",
      id: name,
      min,
      max,
      step,
      "aria-describedby": `${name}-hint`,
      oninput: () => show(),
      onchange: () => chat.set(name, Number(field.value)),
    });
    field.value = settings[name];
    const show = () => {
      shown.textContent = number(Number(field.value), digits);
      field.setAttribute("aria-valuetext", shown.textContent);
    };
    show();
    return h(
      "div",
      { class: "field" },
      h("label", { for: name }, label()),
      shown,
      field,
      h("p", { class: "note", id: `${name}-hint` }, hint()),
    );
  }

  function entry(settings, { name, min, label, empty }) {
    const field = h("input", {
      type: "number",
      id: name,
      min,
      step: "1",
      inputmode: "numeric",
      placeholder: empty(),
      onchange: () => {
        if (field.checkValidity()) chat.set(name, field.value === "" ? null : Number(field.value));
        else field.reportValidity();
      },
    });
    field.value = settings[name] ?? "";
    return h("div", { class: "field" }, h("label", { for: name }, label()), field);
  }

  function tools(settings) {
    if (!chat.tools.length) return [];
    const boxes = chat.tools.map(({ function: { name, description } }) => {
      const box = h("input", {
        type: "checkbox",
        onchange: () => {
          const without = new Set(chat.conversation.settings.withoutTools);
          without[box.checked ? "delete" : "add"](name);
          chat.set("withoutTools", [...without]);
        },
      });
      box.checked = !settings.withoutTools.includes(name);
      return h("label", { class: "check", title: description ?? "" }, box, toolName(name));
    });
    return [
      h("fieldset", {}, h("legend", {}, tr("Tools the model may call", "Ferramentas que o modelo pode chamar")), boxes),
    ];
  }

  const reset = () =>
    h(
      "button",
      { type: "button", class: "plain", onclick: () => chat.reset() },
      tr("Back to the defaults", "Voltar ao padrão"),
    );

  chat.on("state", draw);
  chat.on("view", draw);
  draw();
  return h(
    "dialog",
    {
      class: "panel",
      id: "panel",
      "aria-labelledby": "panel-title",
      onclose: ({ currentTarget: panel }) => panel.open || close(),
      onclick: ({ target, currentTarget: panel }) => target === panel && panel.matches(":modal") && close(), // beside it
    },
    h(
      "header",
      {},
      h("h2", { id: "panel-title" }, tr("Settings", "Ajustes")),
      iconButton("close", tr("Close", "Fechar"), () => close()),
    ),
    body,
  );
}
