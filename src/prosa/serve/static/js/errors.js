// What went wrong, in plain words, and what can be done about it.

import { tr } from "./language.js";

/**
 * @param error an ApiError, or what a bug threw
 * @returns {{title, text, action: "again" | "key" | "new" | null, wait: number | null}} `wait`: seconds until it may work
 */
export function plain(error) {
  const { status, code, message, retryAfter: wait = null } = error;
  const said = message ? tr(`The server says: ${message}`, `O servidor diz: ${message}`) : "";
  if (status === 0) {
    return {
      title: tr("The server doesn't answer.", "O servidor não responde."),
      text: tr(
        "It was stopped, or the connection was lost. What you wrote is kept here.",
        "Ele foi encerrado ou a conexão caiu. O que você escreveu está guardado aqui.",
      ),
      action: "again",
      wait,
    };
  }
  if (status === 401 || status === 403) {
    return {
      title: tr("The server does not accept this key.", "O servidor não aceita esta chave."),
      text: tr("It may have been revoked.", "Ela pode ter sido revogada."),
      action: "key",
      wait,
    };
  }
  if (status === 429 && /quota/.test(`${code} ${error.type}`)) {
    return {
      title: tr("This key's tokens for today are used up.", "Os tokens de hoje desta chave acabaram."),
      text: tr(`There are new ones in ${lasts(wait)}.`, `Haverá novos em ${lasts(wait)}.`),
      action: "again",
      wait,
    };
  }
  if (status === 429 || status === 503) {
    return {
      title: tr("The server is full at the moment.", "O servidor está cheio no momento."),
      text: tr("Others are being answered first.", "Outros estão sendo atendidos antes."),
      action: "again",
      wait: wait ?? 2,
    };
  }
  if (code === "context_length_exceeded") {
    return {
      title: tr("The message does not fit in the model's window.", "A mensagem não cabe na janela do modelo."),
      text: `${tr("Even without all that was said before. Make it shorter, or the system prompt.", "Mesmo sem o que foi dito antes. Encurte-a, ou as instruções.")} ${said}`,
      action: "new",
      wait,
    };
  }
  if (status === 413) {
    return {
      title: tr("The message is too long for this server.", "A mensagem é longa demais para este servidor."),
      text: said,
      action: null,
      wait,
    };
  }
  if (status >= 500) {
    return {
      title: tr("The server failed while answering.", "O servidor falhou ao responder."),
      text: said,
      action: "again",
      wait,
    };
  }
  if (status)
    return {
      title: tr("The server refused the request.", "O servidor recusou o pedido."),
      text: said,
      action: "again",
      wait,
    };
  return { title: tr("The page failed.", "A página falhou."), text: String(message ?? error), action: "again", wait };
}

/** Seconds as a person says them. */
export function lasts(seconds) {
  if (seconds === null) return tr("a while", "algum tempo");
  if (seconds < 90) return `${Math.ceil(seconds)} s`;
  const minutes = Math.ceil(seconds / 60);
  return minutes < 90 ? `${minutes} min` : `${Math.ceil(minutes / 60)} h`;
}
