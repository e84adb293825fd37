/**
 * Audit events: a write leaves its event in its own transaction, so that neither is without the
 * other; refused calls are gathered for a moment and written together. Bounded by age and number,
 * refusals by half of it: who is refused often can't wash away what was done.
 */

import { timestampMs } from '@bufbuild/protobuf/wkt';
import { Code } from '@connectrpc/connect';
import type { AuditEvent } from '@limiquantix/proto/identity/v1/audit_event_pb.js';
import {
  type AuditSubject,
  type Author,
  auditEventOf,
  isRefusal,
  subjectOf,
} from '../decide/audit.js';
import type { Log } from '../log.js';
import type { Cancel } from '../reconcile/clock.js';
import { type ApiContext, commitPlan } from './api-context.js';
import { newHeader } from './header.js';
import { WritePlan } from './write-plan.js';

/** Events that are kept, and for how long. */
export const auditEventsMax = 20_000;
const keptMs = 90 * 24 * 60 * 60 * 1000;
const gatherMs = 200;
const pendingMax = 1_000;
const writesMax = 100;

/** A call that is recorded by itself, not with a transaction. */
interface Recorded {
  readonly author: Author;
  readonly outcome: string;
  readonly subject: AuditSubject | undefined;
}

/** Adds the event of the context's call to its transaction; nothing where the system acts. */
export function auditPlan(context: ApiContext, plan: WritePlan): void {
  const { author } = context;
  const subject = subjectOf(plan.changes);
  if (author === undefined || subject === undefined) return;
  planEvent(context, plan, { author, outcome: 'ok', subject });
}

function planEvent(context: ApiContext, plan: WritePlan, recorded: Recorded): void {
  const { newId, types, view } = context;
  const event = auditEventOf({ id: newId(), ...recorded }, view);
  const sources = { newId, nowMs: context.nowMs(), createdBy: recorded.author.actor };
  const type = types.get('audit_event');
  plan.create(type, newHeader(type, event, sources));
}

/** Records what has no transaction of its own, and forgets what is too old or too much. */
export class AuditLog {
  readonly #context: ApiContext;
  readonly #log: Log;
  #pending: Recorded[] = [];
  #dropped = 0;
  #timer: Cancel | undefined;
  #writing: Promise<void> | undefined;

  /** With the context of the system, which leaves no events of its own. */
  constructor(context: ApiContext, log: Log) {
    this.#context = context;
    this.#log = log;
  }

  /** Records a call. */
  record(author: Author, code: Code | undefined, subject?: AuditSubject): void {
    const outcome = code === undefined ? 'ok' : snake(Code[code]);
    if (this.#pending.length >= pendingMax) this.#dropped += 1;
    else this.#pending.push({ author, outcome, subject });
    this.#schedule();
  }

  /** Writes what waits, and ends. */
  async stop(): Promise<void> {
    this.#timer?.();
    await this.#writing;
    while (this.#pending.length > 0) await this.#write();
  }

  /** Forgets what is too old or too much; call it now and then. */
  async forget(): Promise<void> {
    const type = this.#context.types.get('audit_event');
    for (;;) {
      const { outcome } = await commitPlan(this.#context, () => {
        const old = this.#surplus().slice(0, writesMax);
        const plan = new WritePlan();
        for (const event of old) plan.remove(type, event, []);
        return { plan: old.length === 0 ? undefined : plan };
      });
      if (outcome.plan === undefined) return;
    }
  }

  #surplus(): readonly AuditEvent[] {
    const nowMs = this.#context.nowMs();
    const all = [...this.#context.view.list<AuditEvent>('audit_event')].sort(byId);
    const isOld = ({ createdAt }: AuditEvent) =>
      createdAt !== undefined && timestampMs(createdAt) + keptMs < nowMs;
    const old = all.filter(isOld);
    const kept = all.filter((event) => !isOld(event));
    const refusals = kept.filter(isRefusal);
    const washed = refusals.slice(0, Math.max(0, refusals.length - auditEventsMax / 2));
    const gone = new Set(washed);
    const rest = kept.filter((event) => !gone.has(event));
    return [...old, ...washed, ...rest.slice(0, Math.max(0, rest.length - auditEventsMax))];
  }

  #schedule(): void {
    if (this.#timer !== undefined || this.#writing !== undefined) return;
    this.#timer = this.#context.clock.after(gatherMs, () => {
      this.#timer = undefined;
      this.#writing = this.#write().finally(() => {
        this.#writing = undefined;
        if (this.#pending.length > 0) this.#schedule();
      });
    });
  }

  async #write(): Promise<void> {
    const batch = this.#pending.splice(0, writesMax);
    try {
      await commitPlan(this.#context, () => {
        const plan = new WritePlan();
        for (const recorded of batch) planEvent(this.#context, plan, recorded);
        return { plan };
      });
    } catch (err) {
      this.#dropped += batch.length;
      this.#log.error('audit events could not be recorded', { err });
    }
    if (this.#dropped === 0) return;
    this.#log.warn('audit events were not recorded', { count: this.#dropped });
    this.#dropped = 0;
  }
}

/** Ids are made in the order of time. */
const byId = (a: AuditEvent, b: AuditEvent): number => (a.id < b.id ? -1 : 1);

/** `PermissionDenied` → `permission_denied`. */
const snake = (name: string): string => name.replaceAll(/([a-z])([A-Z])/g, '$1_$2').toLowerCase();
