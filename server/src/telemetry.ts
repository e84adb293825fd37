/**
 * What the parts of the control plane tell of their work, as a value that is handed in. `bin` makes
 * Prometheus metrics of it; without it nothing is measured.
 */

/** Takes measurements. */
export interface Telemetry {
  /** A time that only grows, in milliseconds. */
  nowMs(): number;
  /** A call was answered. A stream has no time: it lasts as long as its reader wants. */
  called(call: {
    readonly service: string;
    readonly method: string;
    /** `ok` or the status code in lower snake case. */
    readonly code: string;
    readonly ms: number | undefined;
  }): void;
  /** A resource was compared with the world, and what was to be done was done or failed. */
  reconciled(work: {
    readonly type: string;
    readonly outcome: 'done' | 'failed';
    readonly ms: number;
  }): void;
  /** A transaction came to its end. */
  committed(commit: {
    readonly outcome: 'written' | 'conflict' | 'failed';
    readonly ms: number;
  }): void;
}

/** Measures nothing. */
export const noTelemetry: Telemetry = {
  nowMs: () => 0,
  called: () => undefined,
  reconciled: () => undefined,
  committed: () => undefined,
};
