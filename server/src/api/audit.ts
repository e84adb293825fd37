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
import { type ApiContext, commitPlan } from './api-context.js';
import { GatheredLog, oldestBeyond } from './gathered-log.js';
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
  const { author, notes } = context;
  const { changes } = plan;
  notes?.writes(changes);
  const subject = subjectOf(changes);
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
  readonly #gathered: GatheredLog<Recorded>;

  /** With the context of the system, which leaves no events of its own. */
  constructor(context: ApiContext, log: Log) {
    this.#context = context;
    this.#gathered = new GatheredLog({
      clock: context.clock,
      log,
      what: 'audit events',
      gatherMs,
      pendingMax,
      batchMax: writesMax,
      write: (batch) => this.#write(batch),
    });
  }

  /** Records a call. */
  record(author: Author, code: Code | undefined, subject?: AuditSubject): void {
    const outcome = code === undefined ? 'ok' : snake(Code[code]);
    this.#gathered.add({ author, outcome, subject });
  }

  /** Writes what waits, and ends. */
  stop(): Promise<void> {
    return this.#gathered.flush();
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
    const all = this.#context.view.list<AuditEvent>('audit_event');
    const isOld = ({ createdAt }: AuditEvent) =>
      createdAt !== undefined && timestampMs(createdAt) + keptMs < nowMs;
    const old = all.filter(isOld);
    const kept = all.filter((event) => !isOld(event));
    const washed = oldestBeyond(kept.filter(isRefusal), auditEventsMax / 2);
    const gone = new Set(washed);
    const rest = kept.filter((event) => !gone.has(event));
    return [...old, ...washed, ...oldestBeyond(rest, auditEventsMax)];
  }

  async #write(batch: readonly Recorded[]): Promise<void> {
    await commitPlan(this.#context, () => {
      const plan = new WritePlan();
      for (const recorded of batch) planEvent(this.#context, plan, recorded);
      return { plan };
    });
  }
}

/** `PermissionDenied` → `permission_denied`. */
const snake = (name: string): string => name.replaceAll(/([a-z])([A-Z])/g, '$1_$2').toLowerCase();
