/**
 * The trace that the provider's calls belong to. Without a place to send spans to, nothing is made
 * up or loaded: a `TRACEPARENT` that Terraform was started with is passed on as it is, and without
 * one no header is sent.
 */
import type { DescMethod } from '@bufbuild/protobuf';
import { parseTraceparent } from '@limiquantix/proto/trace/traceparent.js';

/** A call of the control plane. */
export interface CallSpan {
  /** The W3C trace context to send; empty for none. */
  readonly traceparent: string;
  /** Says that it is over, and how. */
  end(error?: unknown): void;
}

/** A call of Terraform's. */
export interface TerraformCall {
  /** Such as `ApplyResourceChange`. */
  readonly name: string;
  /** Such as `limiquantix_vm`; empty where it is about none. */
  readonly typeName: string;
}

/** Follows the provider's work. */
export interface Tracer {
  /** Answers a call; what is asked of the control plane meanwhile is part of it. */
  answer<T>(call: TerraformCall, run: () => Promise<T>): Promise<T>;
  /** Begins a call of the control plane. */
  begin(method: DescMethod): CallSpan;
  /** The W3C trace context of what is under way; empty for none. */
  current(): string;
  /** Sends what wasn't sent yet; undefined where there is nothing. Never rejects. */
  end(): Promise<unknown> | undefined;
}

/** Passes on the trace that Terraform was started in, if any; records nothing. */
export function passingOn(given: string | undefined): Tracer {
  const traceparent = parseTraceparent(given) === undefined ? '' : (given ?? '');
  const span: CallSpan = { traceparent, end: () => undefined };
  return {
    answer: (_call, run) => run(),
    begin: () => span,
    current: () => traceparent,
    end: () => undefined,
  };
}
