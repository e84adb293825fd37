/**
 * The log as a value that is handed in. `bin` makes the real one; tests make one that remembers.
 * Each failure is logged once, by the loop or at an edge; inner functions throw instead.
 */

/** Facts that go with a line, by name. Never a secret. */
export type LogFields = Readonly<Record<string, unknown>>;

/** Takes lines. */
export interface Log {
  /** Whether debug lines are kept: what is only for them need not be found out otherwise. */
  readonly isDebug?: boolean;
  /** For those who look for a fault. */
  debug(message: string, fields?: LogFields): void;
  /** What an operator wants to know on a good day. */
  info(message: string, fields?: LogFields): void;
  /** Something went wrong and is being taken care of. */
  warn(message: string, fields?: LogFields): void;
  /** Something went wrong and somebody should look. */
  error(message: string, fields?: LogFields): void;
}

/** A log that keeps nothing. */
export const silentLog: Log = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
};
