// The page's language: Portuguese where the browser's is, else English; both forms of a text stand side by side where
// it is written.

import { keep } from "./keep.js";

export const LANGUAGES = [
  ["pt-BR", "Português"],
  ["en", "English"],
];

export const language = () => document.documentElement.lang;

export const tr = (english, portuguese) => (language() === "pt-BR" ? portuguese : english);

export function setLanguage(chosen) {
  document.documentElement.lang = chosen;
  keep("prosa.lang", chosen);
}

/** A number as this language writes it. */
export const number = (value, digits = 0) =>
  new Intl.NumberFormat(language(), { maximumFractionDigits: digits, minimumFractionDigits: digits }).format(value);

/** A share as a percentage with as many digits as tell something. */
export function percent(share) {
  const of100 = share * 100;
  const close = (text) => `${text} %`;
  if (of100 > 0 && of100 < 0.01) return close(`< ${number(0.01, 2)}`);
  if (of100 > 99.99 && share < 1) return close(`> ${number(99.99, 2)}`);
  return close(number(of100, of100 === 0 || share === 1 ? 0 : of100 < 0.095 ? 2 : of100 < 99.95 ? 1 : 2));
}

/** A file's day for names of exports: 2026-11-25. */
export const day = (time) => new Date(time - new Date(time).getTimezoneOffset() * 60000).toISOString().slice(0, 10);
