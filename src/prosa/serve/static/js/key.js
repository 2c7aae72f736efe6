// The key of the API: asked for once, kept for this tab, or for this browser where the user says so.

import { keep, kept } from "./keep.js";

const NAME = "prosa.key";
let current = kept(NAME, "sessionStorage") ?? kept(NAME);

export const key = () => current;

export function setKey(value, remember) {
  current = value;
  keep(NAME, value, "sessionStorage");
  keep(NAME, remember ? value : null);
}
