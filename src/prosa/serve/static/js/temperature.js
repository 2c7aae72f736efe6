// Another temperature for a step that was already taken, from the alternatives that the API gave (20 at most).
//
// p_T(i) = p_i^(1/T) / sum_j p_j^(1/T), over the whole vocabulary. The sum over the tokens that were not given (the
// tail) is not known, but it is bounded: their probabilities add up to r, none is above m, the least of the top ones,
// and there are n of them. The sum of t^a with a = 1/T is least or greatest where they are all alike (n tokens of r/n)
// or as few as they can be (r/m tokens of m): for a < 1 (concave) alike is the greatest, for a > 1 (convex) the least.
// At T = 1 both are r, and the result is exact.

export const LARGEST_VOCABULARY = 262_144; // where the server doesn't say how many tokens there are

/**
 * @param given log-probabilities at T = 1 of distinct tokens
 * @param most the log-probability that no other token is above
 * @param T the temperature; 0: all for the most probable
 * @param vocabulary how many tokens there are
 * @returns {{shares: [low, high][], rest: [low, high]}} probabilities at T of each, and of all others together
 */
export function reheated(given, most, T, vocabulary = LARGEST_VOCABULARY) {
  const top = Math.max(...given);
  if (T === 0) {
    const best = given.filter((value) => value === top).length;
    return { shares: given.map((value) => (value === top ? [1 / best, 1 / best] : [0, 0])), rest: [0, 0] };
  }
  const a = 1 / T;
  const powers = given.map((value) => Math.exp(a * (value - top))); // divided by the top's, which cannot overflow
  const sum = powers.reduce((x, y) => x + y, 0);
  const r = Math.max(0, 1 - given.reduce((x, value) => x + Math.exp(value), 0));
  const n = Math.max(0, vocabulary - given.length);
  const [low, high] = tail(r, Math.exp(most), n, a).map((value) => value * Math.exp(-a * top));
  return {
    shares: powers.map((power) => [power / (sum + high), power / (sum + low)]),
    rest: [low / (sum + low), high / (sum + high)],
  };
}

/** Least and greatest sum of t^a over n probabilities that add up to r, none above m. */
function tail(r, m, n, a) {
  if (r === 0 || n === 0) return [0, 0];
  const alike = n * (r / n) ** a;
  const whole = Math.min(n, Math.floor(r / m));
  const few = whole < n ? whole * m ** a + (r - whole * m) ** a : alike;
  return [Math.min(alike, few), Math.max(alike, few)];
}
