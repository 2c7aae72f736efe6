// Light, dark, or as the system is.

import { keep, kept } from "./keep.js";

export const THEMES = ["system", "light", "dark"];

export const theme = () => kept("prosa.theme") ?? "system";

export function setTheme(chosen) {
  const fixed = chosen === "system" ? null : chosen;
  keep("prosa.theme", fixed);
  if (fixed) document.documentElement.dataset.theme = fixed;
  else delete document.documentElement.dataset.theme;
}
