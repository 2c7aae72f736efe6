// Modal questions: the key, and "are you sure?".

import { h } from "./dom.js";
import { tr } from "./language.js";

/** Shows a modal dialog until it closes; the browser gives the focus back to where it was. */
function shown(dialog) {
  document.body.append(dialog);
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(dialog.returnValue);
    });
  });
}

/** True where the user says yes. */
export async function sure(title, text, yes) {
  const dialog = h(
    "dialog",
    { class: "question", "aria-labelledby": "question-title" },
    h(
      "form",
      { method: "dialog" },
      h("h2", { id: "question-title" }, title),
      h("p", {}, text),
      h(
        "div",
        { class: "row" },
        h("button", { value: "", class: "plain", autofocus: true }, tr("Cancel", "Cancelar")),
        h("button", { value: "yes", class: "strong danger" }, yes),
      ),
    ),
  );
  return (await shown(dialog)) === "yes";
}

/**
 * Asks for the key until one is accepted.
 *
 * @param accepted called with (key, remember): true, or what is wrong with it in plain words
 */
export async function askKey(accepted, problem = "") {
  const field = h("input", {
    type: "password",
    id: "key",
    autocomplete: "off",
    spellcheck: "false",
    required: true,
    autofocus: true,
    placeholder: "prosa-…",
    "aria-describedby": "key-where key-problem",
  });
  const remember = h("input", { type: "checkbox", id: "remember" });
  const alert = h("p", { class: "problem", role: "alert", id: "key-problem" }, problem);
  const button = h("button", { class: "strong" }, tr("Enter", "Entrar"));
  const dialog = h(
    "dialog",
    { class: "question key", "aria-labelledby": "key-title", oncancel: (event) => event.preventDefault() },
    h(
      "form",
      {
        onsubmit: async (event) => {
          event.preventDefault();
          button.disabled = true;
          alert.textContent = "";
          const found = await accepted(field.value.trim(), remember.checked);
          button.disabled = false;
          if (found === true) dialog.close();
          else alert.textContent = found;
          field.select();
        },
      },
      h("p", { class: "wordmark" }, "Prosa"),
      h("h2", { id: "key-title" }, tr("What is your key?", "Qual é a sua chave?")),
      h(
        "p",
        { id: "key-where" },
        tr(
          "The server printed one when it first started. Whoever runs it makes others with ",
          "O servidor mostrou uma ao iniciar pela primeira vez. Quem o administra cria outras com ",
        ),
        h("code", {}, "prosa keys add"),
        ".",
      ),
      h("label", { for: "key" }, tr("Key", "Chave")),
      field,
      alert,
      h("label", { class: "check" }, remember, tr("Remember it in this browser", "Lembrar neste navegador")),
      h("div", { class: "row" }, button),
    ),
  );
  await shown(dialog);
}
