// The conversations kept in this browser, and what belongs to the page as a whole: language, colours, key.

import { sure } from "./dialogs.js";
import { h, icon, iconButton } from "./dom.js";
import { exportJson, exportMarkdown } from "./exports.js";
import { LANGUAGES, language, tr } from "./language.js";
import { menuButton } from "./menu.js";
import { THEMES, setTheme, theme } from "./theme.js";

export function sidebar(chat, { askKey, changeLanguage, close }) {
  const list = h("div", { class: "conversations" });

  function draw() {
    const focused = document.activeElement?.closest?.("[data-conversation]")?.dataset.conversation;
    const today = new Date().setHours(0, 0, 0, 0);
    const week = today - 6 * 86_400_000;
    const groups = [
      [tr("Today", "Hoje"), ({ updated }) => updated >= today],
      [tr("Last 7 days", "Últimos 7 dias"), ({ updated }) => updated < today && updated >= week],
      [tr("Before", "Antes"), ({ updated }) => updated < week],
    ];
    list.replaceChildren(
      ...groups.flatMap(([name, belongs]) => {
        const found = chat.titles.filter(belongs);
        return found.length ? [h("h3", {}, name), h("ul", {}, found.map(item))] : [];
      }),
    );
    if (focused) list.querySelector(`[data-conversation="${focused}"] button`)?.focus();
  }

  function item({ id, title }) {
    const current = id === chat.conversation.id;
    const open = h(
      "button",
      {
        type: "button",
        class: "title",
        "aria-current": current ? "true" : null,
        title,
        onclick: () => {
          chat.open(id);
          close();
        },
      },
      title || tr("Untitled", "Sem título"),
    );
    const row = h(
      "li",
      { data: { conversation: id } },
      open,
      menuButton("more", `${tr("Options of", "Opções de")} ${title}`, [
        [tr("Rename", "Renomear"), () => rename()],
        [tr("Export as Markdown", "Exportar em Markdown"), async () => exportMarkdown(await chat.whole(id))],
        [tr("Export as JSON Lines", "Exportar em JSON Lines"), async () => exportJson(await chat.whole(id))],
        [tr("Delete…", "Apagar…"), () => remove(), { class: "danger" }],
      ]),
    );
    function rename() {
      const field = h("input", {
        type: "text",
        class: "rename",
        "aria-label": tr("New name", "Novo nome"),
        maxlength: "120",
        onkeydown: (event) => {
          if (event.key === "Enter") field.blur();
          if (event.key === "Escape") {
            field.value = title;
            field.blur();
          }
        },
        onblur: async () => {
          const name = field.value.trim();
          if (name && name !== title) await chat.rename(id, name);
          draw();
        },
      });
      field.value = title;
      row.replaceChildren(field);
      field.select();
    }
    async function remove() {
      const yes = await sure(
        tr("Delete this conversation?", "Apagar esta conversa?"),
        tr(`“${title}” is kept nowhere but in this browser.`, `“${title}” só existe neste navegador.`),
        tr("Delete", "Apagar"),
      );
      if (yes) await chat.remove(id);
    }
    return row;
  }

  const themes = { system: tr("Automatic", "Automático"), light: tr("Light", "Claro"), dark: tr("Dark", "Escuro") };
  const chooser = (label, options, value, onchange) =>
    h(
      "label",
      {},
      h("span", { class: "unseen" }, label),
      h(
        "select",
        { onchange: ({ target }) => onchange(target.value) },
        options.map(([id, text]) => h("option", { value: id, selected: id === value }, text)),
      ),
    );

  chat.on("list", draw);
  draw();
  return h(
    "nav",
    { class: "sidebar", "aria-label": tr("Conversations", "Conversas") },
    h(
      "header",
      {},
      h("p", { class: "wordmark" }, "Prosa"),
      iconButton("close", tr("Close", "Fechar"), close, { class: "quiet only-narrow" }),
    ),
    h(
      "button",
      {
        type: "button",
        class: "new",
        onclick: () => {
          chat.begin();
          close();
          document.querySelector("#message").focus();
        },
      },
      icon("plus"),
      tr("New conversation", "Nova conversa"),
    ),
    list,
    h(
      "footer",
      {},
      chooser(tr("Language", "Idioma"), LANGUAGES, language(), changeLanguage),
      chooser(
        tr("Colours", "Cores"),
        THEMES.map((id) => [id, themes[id]]),
        theme(),
        setTheme,
      ),
      h("button", { type: "button", class: "plain", onclick: askKey }, tr("Change the key", "Trocar a chave")),
    ),
  );
}
