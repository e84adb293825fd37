/**
 * How much history a store keeps: by revisions, by age and by bytes. Pure bookkeeping over what was
 * committed; whoever owns the store asks it how far to forget, and forgets.
 */

/** The bounds. */
export interface HistoryOptions {
  /** How many revisions of history are kept at most; 100,000 without it. */
  readonly historyRevisionsMax?: number | undefined;
  /** How long history is kept at most; one hour without it. */
  readonly historyMsMax?: number | undefined;
  /** How many revisions of history are kept however old they are; 1,000 without it. */
  readonly historyRevisionsMin?: number | undefined;
  /** How many bytes history has at most, counted since it was opened; 1 GiB without it. */
  readonly historyBytesMax?: number | undefined;
}

/** Revisions that are compacted in one go, and the distance between two notes of the time. */
export const compactStep = 1000;
/** Into how many parts the bytes of history are divided, of which the oldest is forgotten. */
const bytesNotes = 16;

/** The bounds of one store's history. */
export class HistoryBounds {
  readonly #revisionsMax: number;
  readonly #msMax: number;
  readonly #revisionsMin: number;
  readonly #bytesMax: number;
  readonly #times: { readonly revision: number; readonly atMs: number; readonly bytes: number }[] =
    [];
  #bytes = 0;

  constructor(options: HistoryOptions) {
    this.#revisionsMax = options.historyRevisionsMax ?? 100_000;
    this.#msMax = options.historyMsMax ?? 60 * 60 * 1000;
    this.#revisionsMin = options.historyRevisionsMin ?? 1000;
    this.#bytesMax = options.historyBytesMax ?? 1024 ** 3;
  }

  /** Counts what was written. */
  wrote(bytes: number): void {
    this.#bytes += bytes;
  }

  /** The revision up to which history is too old, too long or too big. */
  target(now: { readonly revision: number; readonly compacted: number; readonly atMs: number }) {
    const { revision, compacted, atMs } = now;
    const last = this.#times.at(-1);
    const isDue =
      last === undefined ||
      revision - last.revision >= compactStep ||
      this.#bytes - last.bytes >= this.#bytesMax / bytesNotes;
    if (isDue) this.#times.push({ revision, atMs, bytes: this.#bytes });
    // One revision at a time would be a transaction for each commit.
    const long = revision - this.#revisionsMax;
    const isLong = long - compacted >= Math.min(compactStep, this.#revisionsMax);
    let target = isLong ? long : compacted;
    for (let first = this.#times[0]; first !== undefined; first = this.#times[0]) {
      const isBig = this.#bytes - first.bytes > this.#bytesMax;
      const isOld =
        first.atMs < atMs - this.#msMax && first.revision <= revision - this.#revisionsMin;
      if (!isBig && !isOld) break;
      target = Math.max(target, first.revision);
      this.#times.shift();
    }
    return target;
  }
}
