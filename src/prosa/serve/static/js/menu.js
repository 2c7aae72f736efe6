// A small menu under a button, by keys too (WAI-ARIA's menu button).

import { h, iconButton } from "./dom.js";

/** @param items [label, action, properties?][] */
export function menuButton(name, label, items) {
  const options = items.map(([text, action, properties]) =>
    h(
      "button",
      {
        type: "button",
        role: "menuitem",
        tabindex: "-1",
        ...properties,
        onclick: () => {
          menu.hidePopover();
          action();
        },
      },
      text,
    ),
  );
  const menu = h(
    "div",
    {
      role: "menu",
      class: "menu",
      popover: "auto",
      "aria-label": label,
      onkeydown: (event) => {
        const at = options.indexOf(document.activeElement);
        const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: -1 }[event.key];
        if (event.key === "Tab") menu.hidePopover();
        if (to === undefined) return;
        event.preventDefault();
        options.at(to % options.length).focus();
      },
      ontoggle: (event) => {
        const open = event.newState === "open";
        button.setAttribute("aria-expanded", String(open));
        if (open) options[0].focus();
        else if (menu.contains(document.activeElement) || document.activeElement === document.body) button.focus();
      },
    },
    options,
  );
  const button = iconButton(
    name,
    label,
    () => {
      menu.showPopover();
      const box = button.getBoundingClientRect();
      const left = Math.min(box.left, innerWidth - menu.offsetWidth - 8);
      const below = box.bottom + 4 + menu.offsetHeight < innerHeight;
      menu.style.left = `${Math.max(8, left)}px`;
      menu.style.top = `${below ? box.bottom + 4 : box.top - menu.offsetHeight - 4}px`;
    },
    { "aria-haspopup": "menu", "aria-expanded": "false" },
  );
  return [button, menu];
}
