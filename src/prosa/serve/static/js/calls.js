// A call of a tool and what it gave back.

import { h, icon } from "./dom.js";
import { tr } from "./language.js";

const NAMES = () => ({
  calculator: tr("Calculator", "Calculadora"),
  today: tr("Today", "Hoje"),
  day_of_week: tr("Day of the week", "Dia da semana"),
  days_between: tr("Days between dates", "Dias entre datas"),
  add_to_date: tr("Date after", "Data depois"),
});

export const toolName = (name) => NAMES()[name] ?? name;

/**
 * @param call as in a message's tool_calls
 * @param result the node of the tool's message; undefined while it runs
 */
export function callView(call, result) {
  const { name, arguments: args } = call.function;
  return h(
    "div",
    { class: `call${result?.failed ? " failed" : ""}` },
    icon("tool"),
    h("span", { class: "tool" }, toolName(name)),
    h("code", {}, written(args)),
    h(
      "span",
      { class: "gives" },
      result ? h("span", { class: "unseen" }, result.failed ? tr("failed:", "falhou:") : tr("gives", "dá")) : "…",
    ),
    result && h("output", {}, result.message.content),
  );
}

/** Arguments as a person reads them: the one value alone, else name: value. */
function written(args) {
  try {
    const entries = Object.entries(JSON.parse(args));
    const show = (value) => (typeof value === "string" ? value : JSON.stringify(value));
    return entries.length === 1
      ? show(entries[0][1])
      : entries.map(([name, value]) => `${name}: ${show(value)}`).join(", ");
  } catch {
    return args;
  }
}
