/** Numbers as the contract bounds them, and as people read them. Pure. */
import { ScalarType } from '@bufbuild/protobuf';

/** The range of whole numbers that a kind of field takes. */
export interface IntegerRange {
  readonly min: bigint;
  readonly max: bigint;
  /** Whether messages hold them as bigint. */
  readonly isWide: boolean;
}

/** The range of a kind of field. Throws for one that isn't of whole numbers. */
export function integerRange(scalar: ScalarType | undefined): IntegerRange {
  switch (scalar) {
    case ScalarType.INT32:
    case ScalarType.SINT32:
    case ScalarType.SFIXED32:
      return { min: -(2n ** 31n), max: 2n ** 31n - 1n, isWide: false };
    case ScalarType.UINT32:
    case ScalarType.FIXED32:
      return { min: 0n, max: 2n ** 32n - 1n, isWide: false };
    case ScalarType.INT64:
    case ScalarType.SINT64:
    case ScalarType.SFIXED64:
      return { min: -(2n ** 63n), max: 2n ** 63n - 1n, isWide: true };
    case ScalarType.UINT64:
    case ScalarType.FIXED64:
      return { min: 0n, max: 2n ** 64n - 1n, isWide: true };
    default:
      throw new Error(`scalar type ${scalar} is not of whole numbers`);
  }
}

const sizeUnits = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB', 'EiB'];
const bytesIn: Readonly<Record<string, number>> = { bytes: 1, MiB: 2 ** 20, GiB: 2 ** 30 };

/** Whether numbers of a unit are sizes. */
export const isSizeUnit = (unit: string): boolean => Object.hasOwn(bytesIn, unit);

/** A size in the largest unit that leaves a number from 1 on, such as `1.5 GiB`. */
export function sizeText(amount: number, unit: string): string {
  let size = amount * (bytesIn[unit] ?? 1);
  let at = 0;
  while (size >= 1024 && at < sizeUnits.length - 1) {
    size /= 1024;
    at += 1;
  }
  const digits = size < 10 ? 1 : 0;
  return `${size.toFixed(digits).replace(/\.0$/, '')} ${sizeUnits[at] ?? ''}`;
}

/** Longer spans than these are told without their second part. */
const wholeDaysFrom = 8;
const wholeMinutesFrom = 10;

/** A span as one or two parts, such as `3d4h`, `12m` or `45s`. */
export function spanText(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  const minutes = Math.floor(seconds / 60);
  const hours = Math.floor(minutes / 60);
  const days = Math.floor(hours / 24);
  const two = (count: number, unit: string, rest: number, restUnit: string): string =>
    rest === 0 ? `${count}${unit}` : `${count}${unit}${rest}${restUnit}`;
  if (days >= wholeDaysFrom) return `${days}d`;
  if (days > 0) return two(days, 'd', hours % 24, 'h');
  if (hours > 0) return two(hours, 'h', minutes % 60, 'm');
  if (minutes >= wholeMinutesFrom) return `${minutes}m`;
  return minutes > 0 ? two(minutes, 'm', seconds % 60, 's') : `${seconds}s`;
}

/** A time seen from now: `5m ago`, `in 3d`. */
export function timeText(ms: number, nowMs: number): string {
  return ms > nowMs ? `in ${spanText(ms - nowMs)}` : `${spanText(nowMs - ms)} ago`;
}
