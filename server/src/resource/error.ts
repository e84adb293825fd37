/**
 * The one error that crosses modules. Public text is for the user; `detail` and `cause` are for the
 * log. The edges (API interceptors, the loop, the command line) print the chain once.
 */
import type { Code } from '@connectrpc/connect';

/** A field that is at fault. */
export interface FieldViolation {
  /** The field's path, such as `spec.disks["root"].volume.size_gib`. */
  readonly path: string;
  /** What is wrong with it and what to do: lower case, no final period. */
  readonly message: string;
}

/** A condition that doesn't hold. */
export interface Precondition {
  /** The kind of condition, in UPPER_SNAKE. */
  readonly type: string;
  /** What it is about, as `type/id`. */
  readonly subject: string;
  /** How it fails: lower case, no final period. */
  readonly description: string;
}

/** A quota, or another supply, that would be exceeded. */
export interface QuotaViolation {
  /** Whose it is, such as `project/default`. */
  readonly subject: string;
  /** What of it, how much there is and how much was asked for: lower case, no final period. */
  readonly message: string;
}

/** The resource that a call failed at. */
export interface FailedResource {
  readonly type: string;
  /** Its id, or its name where none is known. */
  readonly name: string;
  /** Its project; empty where it has none or none is known. */
  readonly projectId: string;
  /** What is the matter with it: lower case, no final period. */
  readonly description: string;
}

/** How a LimiError is made. */
export interface LimiErrorInit {
  /** The Connect code that a client sees. */
  readonly code: Code;
  /** A stable word in UPPER_SNAKE, such as `IN_USE`. */
  readonly reason: string;
  /**
   * What failed, the value that was given, what to do: lower case, no final period, no credential.
   */
  readonly message: string;
  /** Whether the same call may succeed later. */
  readonly retryable?: boolean;
  /** When to make the same call again, in milliseconds from now; makes the error retryable. */
  readonly retryAfterMs?: number;
  /** Facts for programs, such as the revision to go on from; public. */
  readonly metadata?: Readonly<Record<string, string>>;
  /** The fields at fault. */
  readonly violations?: readonly FieldViolation[];
  /** The conditions that don't hold. */
  readonly preconditions?: readonly Precondition[];
  /** The quotas that would be exceeded. */
  readonly quotas?: readonly QuotaViolation[];
  /** The resource that the call failed at. */
  readonly resource?: FailedResource;
  /** For the log only: paths, backend texts. */
  readonly detail?: string;
  /** The error behind this one. */
  readonly cause?: unknown;
}

/** The error that modules of LimiQuantix throw at each other. */
export class LimiError extends Error {
  readonly code: Code;
  readonly reason: string;
  readonly retryable: boolean;
  readonly retryAfterMs: number | undefined;
  readonly metadata: Readonly<Record<string, string>>;
  readonly violations: readonly FieldViolation[];
  readonly preconditions: readonly Precondition[];
  readonly quotas: readonly QuotaViolation[];
  readonly resource: FailedResource | undefined;
  readonly detail: string | undefined;

  constructor(init: LimiErrorInit) {
    super(init.message, init.cause === undefined ? undefined : { cause: init.cause });
    this.name = 'LimiError';
    this.code = init.code;
    this.reason = init.reason;
    this.retryable = init.retryable ?? init.retryAfterMs !== undefined;
    this.retryAfterMs = init.retryAfterMs;
    this.metadata = init.metadata ?? {};
    this.violations = init.violations ?? [];
    this.preconditions = init.preconditions ?? [];
    this.quotas = init.quotas ?? [];
    this.resource = init.resource;
    this.detail = init.detail;
  }
}
