// Before the first word: where to begin. The suggestions are what the demo's model learnt, and it learnt it in
// Portuguese.

import { h } from "./dom.js";
import { day, tr } from "./language.js";

function suggestions() {
  const today = inPortuguese(new Date());
  const christmas = `25/12/${new Date().getFullYear() + (today.startsWith("25/12") ? 1 : 0)}`;
  return [
    [tr("Sums", "Contas"), "Quanto dá 46 × 83?"],
    [tr("Weekdays", "Dias da semana"), `Qual é o dia da semana em ${today}?`],
    [tr("Deadlines", "Prazos"), `Se hoje é ${today}, quantos dias faltam para ${christmas}?`],
    [tr("Numbers", "Números"), "Passe para algarismos: sete mil seiscentos e sessenta"],
    [tr("Concepts", "Conceitos"), "O que é aprendizagem de máquina?"],
    [tr("Small talk", "Prosa"), "Olá, qual é o seu nome?"],
  ];
}

/** dd/mm/yyyy, as the model was shown dates. */
const inPortuguese = (date) => day(date.getTime()).split("-").reverse().join("/");

const OPENING = "O que dizem os documentos sobre";

const suggestion = (kind, text, onclick) =>
  h(
    "li",
    {},
    h(
      "button",
      { type: "button", onclick },
      h("span", { class: "kind" }, kind),
      h("span", { class: "asked", lang: "pt-BR" }, text),
    ),
  );

/**
 * @param send called with a suggestion
 * @param begin called with words to go on from, where the model has documents; null: it has none
 */
export const emptyView = (send, begin) =>
  h(
    "section",
    { class: "beginning", "aria-labelledby": "beginning-title" },
    h("h1", { id: "beginning-title" }, tr("What shall we talk about?", "Sobre o que vamos prosear?")),
    h(
      "ul",
      { class: "suggestions" },
      begin && suggestion(tr("Documents", "Documentos"), `${OPENING}…`, () => begin(`${OPENING} `)),
      suggestions().map(([kind, text]) => suggestion(kind, text, () => send(text))),
    ),
    h(
      "p",
      { class: "note" },
      tr(
        "The model runs on this server, and what you write goes nowhere else. Click a word of an answer to see how " +
          "probable it was, and what else might have come.",
        "O modelo roda neste servidor, e o que você escreve não vai a nenhum outro lugar. Clique em uma palavra da " +
          "resposta para ver quão provável ela era e o que mais poderia ter vindo.",
      ),
    ),
  );
