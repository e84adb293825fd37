/** What a placement costs against the count of nodes, in processor time of this process. */
import { print } from './measure.js';
import { decisionsPerSecond, plainDecisionsPerSecond, rule } from './placement.js';

const rounds = 5;
const usOfSecond = 1_000_000;

/** Measures and prints, for each count of nodes. */
export async function benchNodeCurve(counts: readonly number[]): Promise<void> {
  // What the compiler has not seen often is not what is measured.
  for (const at of [100, 1_000]) decisionsPerSecond({}, at);
  for (const at of counts) {
    const many = (measure: () => number): number[] =>
      Array.from({ length: rounds }, () => usOfSecond / measure());
    const floor = many(() => plainDecisionsPerSecond(at));
    const kinds = { placement: {}, placement_apart: { antiAffinity: { apart: rule() } } };
    for (const [name, placement] of Object.entries(kinds)) {
      const value = many(() => decisionsPerSecond(placement, at));
      print({ name: `${name}_${at}_nodes`, value, unit: 'us', floor, curve: { name, at } });
    }
  }
}
