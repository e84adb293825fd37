/**
 * The control plane as the engine needs it: the standard methods of every resource type. The port
 * that `client/` implements; the engine knows no transport.
 */
import type { DescMethod, Message } from '@bufbuild/protobuf';
import type { ResourceShape } from '../schema/resource-shape.js';
import type { AnyResource } from './fields.js';
import type { OpenFile } from './files.js';

/** Why a call failed, as the control plane told it. */
export class ApiError extends Error {
  readonly code: string;
  readonly reason: string;
  readonly violations: readonly { readonly path: string; readonly message: string }[];
  readonly retryAfterMs: number | undefined;

  constructor(init: {
    /** The gRPC code in lower snake case, such as `not_found`. */
    readonly code: string;
    /** The control plane's own stable word, such as `IN_USE`; empty without one. */
    readonly reason: string;
    readonly message: string;
    readonly violations: readonly { readonly path: string; readonly message: string }[];
    /** When the control plane says that the same call may be made again; undefined for never. */
    readonly retryAfterMs?: number | undefined;
    readonly cause?: unknown;
  }) {
    super(init.message, { cause: init.cause });
    this.code = init.code;
    this.reason = init.reason;
    this.violations = init.violations;
    this.retryAfterMs = init.retryAfterMs;
  }
}

/** How a wait ended. */
export type WaitResult =
  | { readonly outcome: 'reached'; readonly resource: AnyResource | undefined }
  | { readonly outcome: 'failed'; readonly resource: AnyResource; readonly message: string }
  | { readonly outcome: 'timeout'; readonly resource: AnyResource | undefined }
  | { readonly outcome: 'interrupted'; readonly resource: AnyResource | undefined };

/** What to wait for. */
export interface WaitQuestion {
  /** The resource as the last write returned it. */
  readonly resource: AnyResource;
  readonly until: 'ready' | 'gone';
  readonly timeoutMs: number;
}

/** Which resources to find. */
export interface FindQuestion {
  readonly name?: string;
  readonly projectId?: string;
  readonly labels?: Readonly<Record<string, string>>;
  /** Terms as the API's List takes them. */
  readonly filter?: string;
  /** By id without it. */
  readonly orderBy?: string;
  /** How many at most; without it all, or an error. */
  readonly countMax?: number;
}

/** What to change of a resource. */
export interface UpdateQuestion {
  /** The new values, with its id. */
  readonly resource: AnyResource;
  readonly paths: readonly string[];
  /**
   * Whatever was changed since this etag refuses the change with the reason ETAG_STALE; empty for
   * none. What was changed as it is asked for does not.
   */
  readonly etag: string;
}

/** A change to judge. */
export type JudgeQuestion =
  | { readonly kind: 'create'; readonly resource: AnyResource }
  | { readonly kind: 'update'; readonly resource: AnyResource; readonly paths: readonly string[] }
  | { readonly kind: 'delete'; readonly id: string };

/** Something to tell of a field, at its path in the contract. */
export interface JudgedField {
  readonly path: string;
  readonly message: string;
}

/** What a change would come to. */
export interface Judgement {
  /** The node that it would run on; empty for none. */
  readonly nodeId: string;
  /** Why there, or why not on each node. */
  readonly reasons: readonly string[];
  /** What there is not enough of: it would not take effect. */
  readonly shortfalls: readonly (JudgedField & { readonly isQuota: boolean })[];
  readonly warnings: readonly JudgedField[];
  /** What no backend can carry out. */
  readonly unsupported: readonly JudgedField[];
}

/** The control plane. Every method throws ApiError. */
export interface Api {
  /** The same request id gives the same resource, however often it is sent. */
  create(shape: ResourceShape, resource: AnyResource, requestId: string): Promise<AnyResource>;
  /** Undefined if there is none. */
  get(shape: ResourceShape, id: string): Promise<AnyResource | undefined>;
  /**
   * Whether a resource is known to be at a revision, at little cost: false also where finding out
   * would cost as much as reading it.
   */
  hasRevision(shape: ResourceShape, id: string, revision: bigint): Promise<boolean>;
  /** Throws, too, where there are more than can be listed. */
  find(shape: ResourceShape, question: FindQuestion): Promise<AnyResource[]>;
  update(shape: ResourceShape, question: UpdateQuestion): Promise<AnyResource>;
  /** Requests deletion. Undefined if there is none. */
  delete(shape: ResourceShape, id: string): Promise<AnyResource | undefined>;
  /**
   * Asks what a change would come to after those that were asked before; nothing is written.
   * Undefined where there is nothing to say.
   */
  judge(shape: ResourceShape, question: JudgeQuestion): Promise<Judgement | undefined>;
  /** Waits by watching. */
  wait(shape: ResourceShape, question: WaitQuestion): Promise<WaitResult>;
  /**
   * Any other method. `atTheEnd`: also while Terraform is being interrupted, and then not for long.
   */
  call(
    method: DescMethod,
    request: Message,
    options?: { readonly atTheEnd?: boolean },
  ): Promise<Message>;
  /** Uploads a file's content for a resource, from where an earlier attempt ended. */
  upload(shape: ResourceShape, id: string, file: OpenFile): Promise<void>;
}
