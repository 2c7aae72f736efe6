// How to answer: the system prompt and the sampling fields of a request, what each means and where it may lie.

import { keep, kept } from "./keep.js";
import { tr } from "./language.js";

/** A field left empty is not sent: the server's own default holds. */
export const FIELDS = [
  {
    name: "temperature",
    min: 0,
    max: 2,
    step: 0.05,
    initial: 0.7,
    label: () => tr("Temperature", "Temperatura"),
    hint: () =>
      tr(
        "0 always takes the most probable token; higher dares more.",
        "0 toma sempre o token mais provável; acima, ousa mais.",
      ),
  },
  {
    name: "top_p",
    min: 0.05,
    max: 1,
    step: 0.05,
    initial: 1,
    label: () => "top-p",
    hint: () => tr("Keeps the most probable tokens up to this share.", "Só os tokens mais prováveis, até esta fração."),
  },
  {
    name: "min_p",
    min: 0,
    max: 1,
    step: 0.01,
    initial: 0,
    label: () => "min-p",
    hint: () =>
      tr("Leaves out what is rarer than this part of the best.", "Sem os mais raros que esta parte do melhor."),
  },
  {
    name: "presence_penalty",
    min: -2,
    max: 2,
    step: 0.1,
    initial: 0,
    label: () => tr("Presence penalty", "Penalidade de presença"),
    hint: () => tr("Above 0 discourages what was already written.", "Acima de 0 desencoraja o que já foi escrito."),
  },
  {
    name: "frequency_penalty",
    min: -2,
    max: 2,
    step: 0.1,
    initial: 0,
    label: () => tr("Frequency penalty", "Penalidade de frequência"),
    hint: () => tr("The same, for each time it was written.", "O mesmo, por vez que foi escrito."),
  },
];

export const NUMBERS = [
  {
    name: "max_tokens",
    min: 1,
    label: () => tr("Longest answer, in tokens", "Maior resposta, em tokens"),
    empty: () => tr("as fits", "o que couber"),
  },
  {
    name: "seed",
    min: 0,
    label: () => tr("Seed", "Semente"),
    empty: () => tr("a new one each time", "nova a cada vez"),
  },
];

export const initial = () => ({
  system: "",
  max_tokens: null,
  seed: null,
  withoutTools: [],
  ...Object.fromEntries(FIELDS.map((field) => [field.name, field.initial])),
});

/** What a new conversation starts with: the last settings in use. */
export function last() {
  try {
    return { ...initial(), ...JSON.parse(kept("prosa.settings") ?? "{}") };
  } catch {
    return initial();
  }
}

export const remember = (settings) => keep("prosa.settings", JSON.stringify(settings));

/** The fields of a request. */
export function request(settings) {
  const fields = {};
  for (const { name } of [...FIELDS, ...NUMBERS]) if (settings[name] !== null) fields[name] = settings[name];
  return fields;
}
