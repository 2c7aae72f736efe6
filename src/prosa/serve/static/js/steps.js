// The tokens of an answer with their alternatives, kept as one text: a browser copies that much faster than the
// thousands of small arrays it stands for, at every save. Read only where an answer is looked at, once.

const read = new WeakMap();

export const packed = (tokens) => (tokens.length ? JSON.stringify(tokens) : null);

/** The tokens of a node of a conversation: text `t`, log-probability `p`, alternatives `a`. */
export function tokensOf(node) {
  if (!node.tokens) return [];
  if (!read.has(node)) read.set(node, JSON.parse(node.tokens));
  return read.get(node);
}
