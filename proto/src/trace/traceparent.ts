/**
 * The header by which one process tells another which trace a call belongs to. Pure.
 * Source: W3C Trace Context (w3.org/TR/trace-context), §3.2.
 */

/** A place in a trace: where what comes next belongs. */
export interface TraceContext {
  /** 32 hexadecimal digits. */
  readonly traceId: string;
  /** 16 hexadecimal digits. */
  readonly spanId: string;
  /** Whether whoever wrote it records the trace. */
  readonly isSampled: boolean;
}

const form = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/;
const noTrace = '0'.repeat(32);
const noSpan = '0'.repeat(16);
const sampledFlag = 1;

/** The place in a header; undefined where there is none or it isn't one. */
export function parseTraceparent(header: string | undefined): TraceContext | undefined {
  const [, version, traceId, spanId, flags, more] = form.exec(header ?? '') ?? [];
  if (traceId === undefined || spanId === undefined || version === 'ff') return undefined;
  // A later version may have more; this one has not.
  if (version === '00' && more !== undefined) return undefined;
  if (traceId === noTrace || spanId === noSpan) return undefined;
  return { traceId, spanId, isSampled: (Number(`0x${flags}`) & sampledFlag) !== 0 };
}

/** The header for a place. */
export function formatTraceparent({ traceId, spanId, isSampled }: TraceContext): string {
  return `00-${traceId}-${spanId}-${isSampled ? '01' : '00'}`;
}

/** The trace's id in a header; empty where there is none. */
export const traceIdOf = (header: string): string => parseTraceparent(header)?.traceId ?? '';
