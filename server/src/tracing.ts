/**
 * What follows a change from the call that asked for it to its last effect, as a value that is
 * handed in. `bin` makes OpenTelemetry's spans of it; without it nothing is recorded or made up.
 * What stands in a span may be read by many: names, ids and counts, never a value of a user's.
 */

/** What is told of work. Never a secret, and nothing that a user wrote but names. */
export type Facts = Readonly<Record<string, string | number | boolean>>;

/** Work that is recorded as a span. */
export interface Work {
  /** Few different ones: what differs from call to call is in the facts. */
  readonly name: string;
  /** `server` and `client` for the two ends of a call; `internal` without it. */
  readonly kind?: 'server' | 'client' | 'internal';
  readonly facts?: Facts;
}

/** Work that was caused by something outside of this process, or earlier. */
export interface CausedWork extends Work {
  /** The W3C trace context (`traceparent`) of what caused it; empty for nothing. */
  readonly cause: string;
  /** Whether it begins a trace where nothing is known that caused it; otherwise unrecorded. */
  readonly isBeginning: boolean;
}

/** The span of work that is being done. */
export interface Span {
  /** Adds what is known by now. */
  add(facts: Facts): void;
}

/** Records work. What work throws goes through it, noted as the work's failure. */
export interface Tracing {
  /** Whether anything is recorded. */
  readonly isOn: boolean;
  /** Does work that belongs to what caused it, and to nothing that happens to be under way. */
  enter<T>(work: CausedWork, run: (span: Span) => Promise<T>): Promise<T>;
  /** Does work as a part of what is under way; unrecorded where nothing recorded is. */
  within<T>(work: Work, run: (span: Span) => Promise<T>): Promise<T>;
  /** The W3C trace context of what is under way; empty for none. */
  current(): string;
}

/** A span of nothing. */
export const noSpan: Span = { add: () => undefined };

/** Records nothing, and passes on what it is given: the trace that this process is a part of. */
export function passingOn(traceparent: string): Tracing {
  return {
    isOn: false,
    enter: (_work, run) => run(noSpan),
    within: (_work, run) => run(noSpan),
    current: () => traceparent,
  };
}

/** Records nothing. */
export const noTracing: Tracing = passingOn('');
