// Which model answers, from what, and the way to the settings.

import { h, iconButton } from "./dom.js";
import { tr } from "./language.js";
import { baseOf, bases, ways, withBase } from "./models.js";

export function topbar(chat, { openSidebar, togglePanel }) {
  const model = h("select", {
    id: "model",
    "aria-label": tr("Model", "Modelo"),
    onchange: () => chat.setModel(withBase(chat.models, chat.conversation.model, model.value)),
  });
  const way = h("select", {
    id: "way",
    "aria-label": tr("Answers from", "Responde com"),
    onchange: () => chat.setModel(way.value),
  });
  const panel = iconButton("tune", tr("Settings", "Ajustes"), () => togglePanel(), {
    id: "settings",
    "aria-expanded": "false",
    "aria-controls": "panel",
  });
  const options = (select, found, value) =>
    select.replaceChildren(...found.map(([id, text]) => h("option", { value: id, selected: id === value }, text)));

  function draw() {
    const { model: id } = chat.conversation;
    const base = id === null ? "" : baseOf(id);
    const listed = bases(chat.models);
    const shown = listed.includes(base) ? base : id;
    options(
      model,
      listed.map((name) => [name, name]),
      shown,
    );
    const found = ways(chat.models, shown);
    options(way, found, id);
    way.hidden = found.length === 0;
    model.disabled = way.disabled = Boolean(chat.run);
  }

  chat.on("state", draw);
  draw();
  return h(
    "header",
    { class: "topbar" },
    iconButton("menu", tr("Conversations", "Conversas"), openSidebar, {
      class: "quiet only-narrow",
      id: "open-sidebar",
    }),
    h("div", { class: "choices" }, model, way),
    panel,
  );
}
