/** Ids: UUIDv7 (RFC 9562 §5.7), which sort by the time they were made. */

/** Where ids come from. */
export interface IdSources {
  readonly nowMs: () => number;
  readonly randomBytes: (count: number) => Uint8Array;
}

const sequenceMax = 0xfff;
const randomBytesOfId = 10;
/** Randomness is drawn for so many ids at a time: a draw costs more than its bytes. */
const idsOfDraw = 64;

/**
 * Makes a source of ids. Those that it makes in one millisecond are in order as well; where there
 * are more than 4,096, it runs ahead of the clock.
 */
export function createIds({ nowMs, randomBytes }: IdSources): () => string {
  let lastMs = 0;
  let sequence = 0;
  let drawn: Uint8Array = new Uint8Array();
  return () => {
    if (drawn.length === 0) drawn = randomBytes(idsOfDraw * randomBytesOfId);
    const random = drawn.subarray(0, randomBytesOfId);
    drawn = drawn.subarray(randomBytesOfId);
    const now = nowMs();
    if (now > lastMs) {
      lastMs = now;
      // The upper half stays free, to count up in.
      sequence = (((random[8] ?? 0) << 8) | (random[9] ?? 0)) & 0x7ff;
    } else if (sequence < sequenceMax) sequence += 1;
    else {
      lastMs += 1;
      sequence = 0;
    }
    const time = lastMs.toString(16).padStart(12, '0');
    const tail = Buffer.from(random.subarray(0, 8));
    tail[0] = ((tail[0] ?? 0) & 0x3f) | 0x80;
    const hex = tail.toString('hex');
    const version = `7${sequence.toString(16).padStart(3, '0')}`;
    return `${time.slice(0, 8)}-${time.slice(8)}-${version}-${hex.slice(0, 4)}-${hex.slice(4)}`;
  };
}
