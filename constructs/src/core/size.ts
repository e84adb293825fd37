/**
 * An amount of memory or storage with its unit, so that no number stands alone in a declaration.
 */

const KIBIBYTE = 1024;
const MEBIBYTE = KIBIBYTE * 1024;
const GIBIBYTE = MEBIBYTE * 1024;
const TEBIBYTE = GIBIBYTE * 1024;

/** An amount of memory or storage. */
export class Size {
  /**
   * @param amount a whole number of MiB (1024 × 1024 bytes)
   */
  public static mebibytes(amount: number): Size {
    return new Size(amount, MEBIBYTE, 'MiB');
  }

  /**
   * @param amount a whole number of GiB (1024 MiB)
   */
  public static gibibytes(amount: number): Size {
    return new Size(amount, GIBIBYTE, 'GiB');
  }

  /**
   * @param amount a whole number of TiB (1024 GiB)
   */
  public static tebibytes(amount: number): Size {
    return new Size(amount, TEBIBYTE, 'TiB');
  }

  private constructor(
    private readonly amount: number,
    private readonly unitBytes: number,
    private readonly unit: string,
  ) {
    if (!Number.isSafeInteger(amount) || amount < 1) {
      throw new Error(`a size must be a whole number of ${unit} from 1, got ${amount}`);
    }
  }

  /** The size in MiB. */
  public toMebibytes(): number {
    return this.to(MEBIBYTE, 'MiB');
  }

  /** The size in GiB. Throws where that is no whole number. */
  public toGibibytes(): number {
    return this.to(GIBIBYTE, 'GiB');
  }

  /** The size for people, such as `2 GiB`. */
  public toString(): string {
    return `${this.amount} ${this.unit}`;
  }

  private to(unitBytes: number, unit: string): number {
    const value = (this.amount * this.unitBytes) / unitBytes;
    if (!Number.isSafeInteger(value)) {
      throw new Error(`${this.toString()} is no whole number of ${unit}: give the size in ${unit}`);
    }
    return value;
  }
}
