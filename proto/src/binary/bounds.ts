/** How much a reader of messages makes of the bytes it is given. */

/** What a reader refuses beside bytes that are no message. */
export interface ReadBounds {
  /**
   * The most parts that a message may have: messages in it, elements of lists, entries of maps, and
   * what no field takes. Two bytes make one, and in memory it has up to a KiB.
   */
  readonly partsMax: number;
  /** Whether what another reader may understand in another way is refused; not, without it. */
  readonly isStrict?: boolean;
}

/** A message has more parts than may be read. */
export class TooManyParts extends RangeError {}

/** More parts than any bytes in memory have. */
export const partsUnbounded = 2 ** 30 - 1;
