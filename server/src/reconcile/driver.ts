/**
 * What a driver is: the five members that turn a resource's intent into a backend's objects. The
 * loop in `loop.ts` calls them; a driver never calls the loop but to poke it. Reads and effects are
 * in `observe`, `apply` and `remove`; every choice is in `diff`, which is pure.
 */
import type { Message } from '@bufbuild/protobuf';
import type { BackendObject } from '../decide/backend-object.js';
import type { Lookup } from '../resource/lookup.js';
import type { AnyResource, ResourceKey, TypeName } from '../resource/resource.js';
import type { ViewChange } from './loop.js';

export type { Lookup } from '../resource/lookup.js';

/** What `diff` found. */
export interface Difference<Action, Status extends Message> {
  /** Steps that bring the world nearer to intent, in order; empty when it is there or must wait. */
  readonly actions: readonly Action[];
  /**
   * The status to report if no action is left. Only the fields that this driver observes are set;
   * the receiver merges them by the contract's `observer` annotations. Undefined where there is
   * nothing to say yet, for what it depends on is decided in a moment and wakes it.
   */
  readonly status: Status | undefined;
  /** Look again after this long, besides when something pokes the key. */
  readonly againAfterMs?: number;
}

/** A driver: spec → backend operations, for one resource type on one kind of place. */
export interface Driver<
  R extends AnyResource = AnyResource,
  Observed = unknown,
  Action = unknown,
  Status extends Message = Message,
> {
  /** The resource type that it serves. */
  readonly type: TypeName;
  /** Where its loop runs. */
  readonly runsOn: 'control-plane' | 'node';
  /** Reads what exists for the resource. Throws LimiError when the backend can't be asked. */
  observe(resource: R, lookup: Lookup): Promise<Observed>;
  /** Compares intent with what was observed. Pure. */
  diff(resource: R, observed: Observed, lookup: Lookup): Difference<Action, Status>;
  /** Carries out one action. Idempotent: may be repeated after a crash between any two steps. */
  apply(resource: R, action: Action, lookup: Lookup): Promise<void>;
  /**
   * Removes everything that exists for the resource. Idempotent. `waitingFor` says, for people,
   * what holds it up; the loop asks again when poked and after a while.
   */
  remove(resource: R, lookup: Lookup): Promise<Removal>;
}

/** What came of a removal. */
export type Removal =
  | { readonly gone: true }
  | { readonly gone: false; readonly waitingFor: string; readonly status?: Message };

/** Optional power of a driver: name what its backend holds, for cleanup and checks. */
export interface SupportsInventory {
  /** Every object in the backend that carries one of our ids, and those that are not ours. */
  inventory(): Promise<readonly BackendObject[]>;
  /** Whether only the loop may call `observe`, because that tells each failure once. */
  readonly observesForLoopOnly?: boolean;
}

/**
 * Optional power of a driver: remove what belongs to a resource that nobody wants here any more.
 */
export interface SupportsStrayRemoval {
  /**
   * Removes what the backend has for an id that the view doesn't know. Idempotent; keeps user data.
   */
  removeStray(id: string): Promise<void>;
}

/**
 * Optional power of a driver: remove what stands for resources of another type in its backend, such
 * as a guest's interface for its port, where nobody wants those here any more.
 */
export interface SupportsPartRemoval {
  /** The other type; its inventory names objects of it beside its own. */
  readonly partType: TypeName;
  /** As `removeStray`, for an id of that type. */
  removePart(id: string): Promise<void>;
}

/**
 * Optional power of a driver: remove data that belongs to no resource any more. Nothing does so by
 * itself; somebody has to ask for it.
 */
export interface SupportsDataRemoval {
  /** Removes what the backend has for an id that the view doesn't know, data too. Idempotent. */
  removeData(id: string): Promise<void>;
}

/**
 * Optional power of a driver: say which of its resources depend on a change of another one. Without
 * it, those that refer to the changed resource or own it are looked at.
 */
export interface SupportsTriggers {
  /**
   * The keys, of this driver's type, to look at. Pure, and cheap: it is called for every change.
   */
  triggers(change: ViewChange, lookup: Lookup): readonly ResourceKey[];
}

/**
 * Optional power of a driver in the control plane: judge a resource as a node has just observed it,
 * so that observation and judgement are one write.
 */
export interface SupportsJudging<
  R extends AnyResource = AnyResource,
  Status extends Message = Message,
> {
  /**
   * The status that `diff` would give; undefined where the driver has to act or choose first, which
   * the loop does. Pure but for what the control plane knows of its nodes; no I/O.
   */
  judge(resource: R, lookup: Lookup): Status | undefined;
}

/** Asks the loop to look at a key again, soon; given to a driver's constructor. Never blocks. */
export type Poke = (key: ResourceKey) => void;

/** Whether a driver says which keys a change concerns. */
export const hasTriggers = (driver: Driver): driver is Driver & SupportsTriggers =>
  hasMethod(driver, 'triggers');

/** Whether a driver judges what nodes observe at once. */
export const judgesAtOnce = (driver: Driver): driver is Driver & SupportsJudging =>
  hasMethod(driver, 'judge');

/** Whether a driver can name what its backend holds. */
export const hasInventory = (driver: Driver): driver is Driver & SupportsInventory =>
  hasMethod(driver, 'inventory');

/** Whether a driver removes what belongs to nothing. */
export const removesStrays = (driver: Driver): driver is Driver & SupportsStrayRemoval =>
  hasMethod(driver, 'removeStray');

/** Whether a driver removes what stands for a type's resources beside its own. */
export const removesParts = (
  driver: Driver,
  type: TypeName,
): driver is Driver & SupportsPartRemoval =>
  hasMethod(driver, 'removePart') && (driver as unknown as SupportsPartRemoval).partType === type;

/** Whether a driver removes data that belongs to nothing, on request. */
export const removesData = (driver: Driver): driver is Driver & SupportsDataRemoval =>
  hasMethod(driver, 'removeData');

function hasMethod(driver: object, name: string): boolean {
  return name in driver && typeof (driver as Record<string, unknown>)[name] === 'function';
}
