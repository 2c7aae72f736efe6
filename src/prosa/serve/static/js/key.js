// The key of the API: asked for once, kept for this tab, or for this browser where the user says so. At its first start
// the server prints an address that has the key after the #, which no request carries.

import { keep, kept } from "./keep.js";

const NAME = "prosa.key";
const given = /^#key=(prosa-[\w-]+)$/.exec(location.hash)?.[1];
let current = kept(NAME, "sessionStorage") ?? kept(NAME);

export const key = () => current;

export function setKey(value, remember) {
  current = value;
  keep(NAME, value, "sessionStorage");
  keep(NAME, remember ? value : null);
}

if (given) {
  setKey(given, false);
  history.replaceState(null, "", location.pathname); // it stays neither in sight nor in the history
}
