// One polite voice for screen readers: it speaks when something is done, never a token at a time.

import { h } from "./dom.js";

const voice = h("div", { role: "status", "aria-live": "polite", class: "unseen" });

export const mountVoice = () => document.body.append(voice);

export function announce(text) {
  voice.textContent = "";
  setTimeout(() => (voice.textContent = text), 60); // the same words twice are said twice
}
