// The page: puts its parts together, asks for the key where the server wants one, and begins.

import { mountVoice } from "./announce.js";
import { Chat } from "./chat.js";
import { composer } from "./composer.js";
import { askKey } from "./dialogs.js";
import { h } from "./dom.js";
import { plain } from "./errors.js";
import { key, setKey } from "./key.js";
import { setLanguage, tr } from "./language.js";
import { settingsPanel } from "./panel.js";
import { sidebar } from "./sidebar.js";
import * as store from "./store.js";
import { topbar } from "./topbar.js";
import { conversationView } from "./view.js";

const chat = new Chat();
const wide = matchMedia("(min-width: 60rem)");
let parts = null;

/** Everything that is seen, in the language in force. */
function mount(draft = "") {
  const actions = {
    askKey: () => identify(true),
    changeLanguage,
    openSidebar,
    togglePanel,
    close: closeSidebar,
    send,
    begin,
  };
  chat.unheard();
  const written = composer(chat);
  const page = h(
    "div",
    { class: "page" },
    h("a", { class: "skip", href: "#message" }, tr("To the message", "Ir para a mensagem")),
    sidebar(chat, actions),
    h(
      "main",
      {},
      topbar(chat, actions),
      h("p", { class: "banner", role: "alert", hidden: true }),
      conversationView(chat, actions),
      written.form,
    ),
    settingsPanel(chat, { close: () => togglePanel(false) }),
    h("div", { class: "veil", onclick: () => closeSidebar() }),
  );
  parts?.page.remove();
  parts = { page, ...written };
  document.body.prepend(page);
  if (draft) parts.keepDraft(draft);
}

function changeLanguage(chosen) {
  const draft = parts.field.value;
  setLanguage(chosen);
  mount(draft);
  parts.page.querySelector(".sidebar footer select").focus();
}

function send(text) {
  if (chat.run) return;
  chat.send(text);
  parts.field.focus();
}

/** Puts the beginning of a message where it can be finished. */
function begin(text) {
  parts.keepDraft(text);
  parts.field.focus();
}

// the sidebar is a drawer where the page is narrow, and the settings a dialog

function openSidebar() {
  parts.page.classList.add("drawer");
  parts.page.querySelector("main").inert = true;
  parts.page.querySelector(".sidebar .new").focus();
}

function closeSidebar() {
  if (!parts.page.classList.contains("drawer")) return;
  parts.page.classList.remove("drawer");
  parts.page.querySelector("main").inert = false;
  parts.page.querySelector("#open-sidebar").focus();
}

function togglePanel(open = !parts.page.querySelector("#panel").open) {
  const panel = parts.page.querySelector("#panel");
  if (!open) panel.close(); // the browser gives the focus back to the button
  else if (wide.matches) panel.show();
  else panel.showModal();
  parts.page.classList.toggle("with-panel", open);
  parts.page.querySelector("#settings").setAttribute("aria-expanded", String(open));
}

document.addEventListener("keydown", (event) => {
  if (
    event.key !== "Escape" ||
    event.defaultPrevented ||
    document.querySelector("dialog:modal, [popover]:popover-open")
  )
    return;
  if (parts.page.classList.contains("drawer")) closeSidebar();
  else if (chat.run) chat.stop();
  else if (parts.page.querySelector("#panel").open) togglePanel(false);
});

/** Reads what the server offers; asks for a key where it is wanted, or where the user wants another. */
async function identify(another = false) {
  let problem = "";
  if (!another) {
    try {
      await chat.connect();
      return banner(null);
    } catch (error) {
      if (error.status !== 401 && error.status !== 403) return banner(error);
      problem = key() ? plain(error).title : "";
    }
  }
  await askKey(async (entered, remember) => {
    setKey(entered, remember);
    try {
      await chat.connect();
    } catch (error) {
      return error.status ? plain(error).title : `${plain(error).title} ${plain(error).text}`;
    }
    banner(null);
    chat.tell("view");
    return true;
  }, problem);
  parts.field.focus();
}

/** What keeps the whole page from working, above the conversation; null: nothing does. */
function banner(error) {
  const place = parts.page.querySelector(".banner");
  place.hidden = error === null;
  if (error === null) return;
  const { title, text } = plain(error);
  place.replaceChildren(
    h("strong", {}, title),
    ` ${text} `,
    h("button", { type: "button", class: "plain", onclick: () => identify() }, tr("Try again", "Tentar de novo")),
  );
}

mount();
mountVoice();
await chat.listed();
await chat.reopen();
store.onOthers(() => chat.listed());
await identify();
if (document.activeElement === document.body) parts.field.focus(); // nobody has begun elsewhere
