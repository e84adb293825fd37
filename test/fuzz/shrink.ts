/**
 * Makes an input smaller that shows something, as long as it still shows the same: pieces are left
 * out, halves first, then bytes are made plain. Knows nothing of what is shown.
 */

/** How to shrink. */
export interface ShrinkOptions {
  /** Whether an input shows the same. */
  readonly shows: (input: Uint8Array) => Promise<boolean>;
  /** Tries at most. */
  readonly triesMax: number;
  /** What a byte is made, where that still shows it. */
  readonly plain: number;
}

/** The smallest that was found. */
export async function shrink(input: Uint8Array, options: ShrinkOptions): Promise<Uint8Array> {
  let best: Buffer = Buffer.from(input);
  let tries = 0;
  const better = async (candidate: Buffer): Promise<boolean> => {
    if (tries >= options.triesMax) return false;
    tries += 1;
    if (!(await options.shows(candidate))) return false;
    best = candidate;
    return true;
  };
  let length: number;
  do {
    length = best.length;
    for (let piece = Math.ceil(length / 2); piece >= 1; piece = Math.floor(piece / 2)) {
      for (let at = 0; at < best.length; ) {
        const without = Buffer.concat([best.subarray(0, at), best.subarray(at + piece)]);
        if (!(await better(without))) at += piece;
      }
    }
  } while (best.length < length && tries < options.triesMax);
  for (let at = 0; at < best.length; at += 1) {
    if (best[at] === options.plain) continue;
    const plainer = Buffer.from(best);
    plainer[at] = options.plain;
    await better(plainer);
  }
  return best;
}
