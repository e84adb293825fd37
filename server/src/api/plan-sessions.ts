/**
 * Plans in the making: what the `validate_only` requests of one plan come to together. A session
 * keeps in memory what each of them would make, change and remove, so that the next one is judged
 * as if those were carried out. Nothing is stored; a session is forgotten after ten idle minutes.
 */

import { Code } from '@connectrpc/connect';
import type { VirtualMachine } from '@limiquantix/proto/compute/v1/vm_pb.js';
import { Capacity } from '../decide/capacity.js';
import { type Account, type Amounts, chargesOf, plus } from '../decide/quota.js';
import type { Clock } from '../reconcile/clock.js';
import { LimiError } from '../resource/error.js';
import { nameKey } from '../resource/keys.js';
import type { ViewChange } from '../resource/lookup.js';
import type { AnyResource, TypeName } from '../resource/resource.js';
import type { View } from '../view/view.js';
import { Draft, type DraftChange } from './draft.js';
import type { Usage } from './usage.js';

/** What sessions work with. */
export interface PlanSessionsOptions {
  readonly view: View;
  readonly clock: Clock;
}

/** Plans at once; the one that was idle the longest goes first. */
const sessionsMax = 16;
/** Requests of one plan that are kept. */
const outcomesMax = 50_000;
const idleMs = 10 * 60_000;

/** The plans in the making. */
export class PlanSessions {
  readonly #options: PlanSessionsOptions;
  /** By who plans and the word for it, the one that was idle the longest first. */
  readonly #sessions = new Map<string, { session: PlanSession; usedMs: number }>();
  #cancelSweep: (() => void) | undefined;

  constructor(options: PlanSessionsOptions) {
    this.#options = options;
  }

  /** The session of a caller's plan, begun where there is none; one of its own without a word. */
  of(caller: string, planId: string): PlanSession {
    if (planId === '') return new PlanSession(this.#options);
    this.#sweep();
    const key = JSON.stringify([caller, planId]);
    const session = this.#sessions.get(key)?.session ?? this.#begin();
    this.#sessions.delete(key);
    this.#sessions.set(key, { session, usedMs: this.#options.clock.nowMs() });
    this.#sweepLater();
    return session;
  }

  /** How many plans are in the making. */
  get size(): number {
    return this.#sessions.size;
  }

  #begin(): PlanSession {
    const [oldest] = this.#sessions;
    if (oldest !== undefined && this.#sessions.size >= sessionsMax) this.#end(oldest[0]);
    const session = new PlanSession(this.#options);
    session.follow();
    return session;
  }

  #end(key: string): void {
    this.#sessions.get(key)?.session.end();
    this.#sessions.delete(key);
  }

  #sweep(): void {
    const now = this.#options.clock.nowMs();
    for (const [key, { usedMs }] of this.#sessions) {
      if (now - usedMs < idleMs) return;
      this.#end(key);
    }
  }

  /** Ends all plans, and the wait for idle ones. */
  stop(): void {
    this.#cancelSweep?.();
    for (const key of [...this.#sessions.keys()]) this.#end(key);
  }

  /** Idle sessions go even where no other request ever comes. */
  #sweepLater(): void {
    this.#cancelSweep ??= this.#options.clock.after(idleMs, () => {
      this.#cancelSweep = undefined;
      this.#sweep();
      if (this.#sessions.size > 0) this.#sweepLater();
    });
  }
}

/** What a request of a plan is about; a repeated request takes the place of the one before. */
export type Subject =
  | {
      readonly kind: 'new';
      readonly type: TypeName;
      readonly projectId: string;
      readonly name: string;
    }
  | { readonly kind: 'existing'; readonly type: TypeName; readonly id: string };

/** What is taken of quotas and pools, by account. */
export type Takes = readonly (readonly [Account, Amounts])[];

interface Outcome {
  readonly changes: readonly DraftChange[];
  /** What they take, by account. */
  readonly takes: Takes;
}

/** One plan in the making. */
export class PlanSession {
  /** The resources as the plan so far would leave them. */
  readonly view: Draft;
  readonly #options: PlanSessionsOptions;
  readonly #outcomes = new Map<string, Outcome>();
  /** What the plan takes of each project's quota and each pool. */
  readonly #taken = new Map<Account, Amounts>();
  #capacity: Capacity | undefined;
  #unfollow: (() => void) | undefined;
  #placed = 0;

  constructor(options: PlanSessionsOptions) {
    this.#options = options;
    this.view = new Draft(options.view);
  }

  /** What the nodes would have to give; counted when it is first asked for. */
  get capacity(): Capacity {
    this.#capacity ??= Capacity.of(this.view);
    return this.#capacity;
  }

  /** What would be taken of an account; `now` is what is taken of it. */
  usageOf(account: Account, now: Pick<Usage, 'of'>): Amounts {
    return plus(now.of(account), this.#taken.get(account) ?? new Map());
  }

  /** What a request takes that is kept. */
  takesOf(subject: Subject): Takes {
    return this.#outcomes.get(keyOf(subject))?.takes ?? [];
  }

  /** How many new machines the plan places so far. */
  get placed(): number {
    return this.#placed;
  }

  /** Forgets what an earlier request about the same came to. */
  forget(subject: Subject): void {
    const key = keyOf(subject);
    const { changes = [], takes = [] } = this.#outcomes.get(key) ?? {};
    for (const [account, amounts] of takes) this.#take(account, amounts, -1n);
    for (const { type, id, resource } of changes) {
      this.view.reset(type, id);
      this.#recount(type.type, id);
      if (subject.kind === 'new' && isPlaced(type.type, resource)) this.#placed -= 1;
    }
    this.#outcomes.delete(key);
  }

  /** Keeps what a request comes to. Throws RESOURCE_EXHAUSTED for a plan that is too large. */
  keep(subject: Subject, changes: readonly DraftChange[]): void {
    if (this.#outcomes.size >= outcomesMax) throw tooLarge();
    this.forget(subject);
    const takes = changes.flatMap((change) => this.#takesOf(change));
    for (const [account, amounts] of takes) this.#take(account, amounts, 1n);
    this.#outcomes.set(keyOf(subject), { changes, takes });
    for (const change of changes) {
      const { type, id, resource } = change;
      this.view.set(change);
      this.#recount(type.type, id);
      if (subject.kind === 'new' && isPlaced(type.type, resource)) this.#placed += 1;
    }
  }

  /** Follows the view, so that what is carried out isn't counted twice. */
  follow(): void {
    this.#unfollow ??= this.#options.view.onChange((change) => this.#changed(change));
  }

  /** Ends that. */
  end(): void {
    this.#unfollow?.();
  }

  #changed({ key, resource, previous }: ViewChange): void {
    const { type, id } = key;
    if (resource !== undefined && previous === undefined) {
      const { projectId, name } = resource;
      this.forget({ kind: 'new', type, projectId, name });
    } else if (resource?.etag !== previous?.etag) {
      this.forget({ kind: 'existing', type, id });
    }
    this.#recount(type, id);
  }

  /** What a change takes beyond what is taken, by account. */
  #takesOf({ type, id, resource }: DraftChange): Takes {
    const now = this.#options.view.get<AnyResource>(type.type, id);
    return [
      ...(resource === undefined ? [] : chargesOf(type.type, resource)),
      ...(now === undefined ? [] : chargesOf(type.type, now)).map(
        ([account, amounts]) => [account, plus(new Map(), amounts, -1n)] as const,
      ),
    ];
  }

  #take(account: Account, amounts: Amounts, factor: bigint): void {
    this.#taken.set(account, plus(this.#taken.get(account) ?? new Map(), amounts, factor));
  }

  /** Counts a resource as the plan would leave it. */
  #recount(type: TypeName, id: string): void {
    const capacity = this.#capacity;
    if (capacity === undefined) return;
    if (type === 'vm') capacity.occupancy.release(id);
    const resource = this.view.get<AnyResource>(type, id);
    capacity.changed({ key: { type, id }, resource, previous: undefined });
  }
}

const keyOf = (subject: Subject): string =>
  subject.kind === 'new' ? `new ${nameKey(subject)}` : `existing ${subject.type}/${subject.id}`;

function isPlaced(type: TypeName, resource: AnyResource | undefined): boolean {
  if (type !== 'vm' || resource === undefined) return false;
  return ((resource as unknown as VirtualMachine).status?.nodeId ?? '') !== '';
}

const tooLarge = (): LimiError =>
  new LimiError({
    code: Code.ResourceExhausted,
    reason: 'PLAN_TOO_LARGE',
    message: `a plan can have ${outcomesMax} requests at most; split it, or give no plan_id`,
  });
