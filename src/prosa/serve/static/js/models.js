// Models and their ways with documents: NAME answers from both, NAME:only-documents from documents alone,
// NAME:no-documents without.

import { tr } from "./language.js";

const ONLY = ":only-documents";
const WITHOUT = ":no-documents";

export const baseOf = (id) => id.replace(/:(only|no)-documents$/, "");

/** The models without their ways. */
export function bases(models) {
  const ids = new Set(models.map(({ id }) => id));
  return models.map(({ id }) => id).filter((id) => baseOf(id) === id || !ids.has(baseOf(id)));
}

/** The ways of a model that has documents, [id, label]; none: []. */
export function ways(models, base) {
  const ids = new Set(models.map(({ id }) => id));
  const found = [
    [base, tr("With documents", "Com documentos")],
    [base + ONLY, tr("Only documents", "Só documentos")],
    [base + WITHOUT, tr("Without documents", "Sem documentos")],
  ].filter(([id]) => ids.has(id));
  return found.length > 1 ? found : [];
}

/** The same way with another model, where it has it. */
export const withBase = (models, id, base) => {
  const same = base + id.slice(baseOf(id).length);
  return models.some((model) => model.id === same) ? same : base;
};
