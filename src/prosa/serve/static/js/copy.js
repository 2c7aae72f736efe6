// A button that copies a text, and says that it did.

import { announce } from "./announce.js";
import { icon, iconButton } from "./dom.js";
import { tr } from "./language.js";

export function copyButton(text) {
  const button = iconButton("copy", tr("Copy", "Copiar"), async () => {
    try {
      await navigator.clipboard.writeText(text());
    } catch {
      announce(tr("Could not copy", "Não foi possível copiar"));
      return;
    }
    announce(tr("Copied", "Copiado"));
    button.replaceChildren(icon("done"));
    setTimeout(() => button.replaceChildren(icon("copy")), 1500);
  });
  return button;
}
