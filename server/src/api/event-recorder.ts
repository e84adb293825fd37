/**
 * Makes event resources of what happens to machines and nodes: follows the view, gathers for a
 * moment, and writes what came in one commit. Equal events of a resource are one with a count;
 * those of a resource and all together are bounded, and go with their resource. What happens while
 * no control plane runs is no event.
 */
import { create } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import {
  type Event,
  EventPhase,
  EventSchema,
  EventStatusSchema,
} from '@limiquantix/proto/operations/v1/event_pb.js';
import { type Happening, happeningOf } from '../decide/event.js';
import type { Log } from '../log.js';
import type { ViewChange } from '../resource/lookup.js';
import { patched } from '../resource/patched.js';
import { ready } from '../resource/ready.js';
import type { AnyResource, TypeName } from '../resource/resource.js';
import { type ApiContext, commitPlan } from './api-context.js';
import { nameOfCaller } from './caller.js';
import { GatheredLog, oldestBeyond } from './gathered-log.js';
import { newHeader } from './header.js';
import { WritePlan } from './write-plan.js';

/** The types whose resources have events. */
const recorded: readonly TypeName[] = ['vm', 'node'];
/** Events of one resource, and of all. */
export const eventsOfResourceMax = 50;
const eventsMax = 10_000;
const gatherMs = 500;
const writesMax = 200;
/** What waits to be written; more of it is not recorded. */
const pendingMax = 10_000;

/** Something to write: what happened, or that a resource is gone. */
interface Pending {
  readonly resource: AnyResource;
  readonly type: TypeName;
  readonly happening: Happening | undefined;
}

/** Records events. */
export class EventRecorder {
  readonly #context: ApiContext;
  readonly #off: () => void;
  readonly #gathered: GatheredLog<Pending>;

  constructor(context: ApiContext, log: Log) {
    this.#context = context;
    this.#gathered = new GatheredLog({
      clock: context.clock,
      log,
      what: 'events',
      gatherMs,
      pendingMax,
      batchMax: writesMax,
      write: (batch) => this.#write(batch),
    });
    this.#off = context.view.onChange((change) => this.#changed(change));
    this.#forgetOrphans();
  }

  /** Ends after the commit under way. */
  async stop(): Promise<void> {
    this.#off();
    await this.#gathered.stop();
  }

  /** Events of what went when no recorder was there, or just before it ended. */
  #forgetOrphans(): void {
    const { view, types } = this.#context;
    for (const { spec } of view.list<Event>('event')) {
      const [type, id] = [spec?.resourceType ?? '', spec?.resourceId ?? ''];
      if (view.get(type, id) !== undefined) continue;
      const resource = create(types.get(type).message, { id }) as AnyResource;
      this.#gathered.add({ type, resource, happening: undefined });
    }
  }

  #changed(change: ViewChange): void {
    const { key, resource, previous } = change;
    if (!recorded.includes(key.type)) return;
    const subject = resource ?? previous;
    const happening = happeningOf(this.#context.types.get(key.type), change);
    if (subject === undefined || (happening === undefined && resource !== undefined)) return;
    this.#gathered.add({ type: key.type, resource: subject, happening });
  }

  async #write(batch: readonly Pending[]): Promise<void> {
    const { view } = this.#context;
    const { revision } = await commitPlan(this.#context, () => ({ plan: this.#plan(batch) }));
    if (revision !== undefined) await view.settled(revision);
  }

  #plan(batch: readonly Pending[]): WritePlan | undefined {
    const all = this.#context.view.list<Event>('event');
    const ids = new Set(batch.map(({ resource }) => resource.id));
    const bySubject = new Map<string, Shelf>([...ids].map((id) => [id, new Shelf()]));
    for (const event of all) bySubject.get(event.spec?.resourceId ?? '')?.put(event);
    for (const pending of batch) this.#place(pending, bySubject.get(pending.resource.id));
    const plan = new WritePlan();
    const type = this.#context.types.get('event');
    let count = all.length;
    for (const shelf of bySubject.values()) count += shelf.plan(plan, type);
    if (count > eventsMax) {
      const others = all.filter(({ spec }) => !ids.has(spec?.resourceId ?? ''));
      const oldest = oldestBeyond(others, others.length - (count - eventsMax));
      for (const event of oldest) plan.remove(type, event, []);
    }
    return plan.transaction().writes.length === 0 ? undefined : plan;
  }

  #place({ type, resource, happening }: Pending, shelf: Shelf | undefined): void {
    if (happening === undefined) {
      shelf?.clear();
      return;
    }
    const now = timestampFromMs(this.#context.nowMs());
    const known = shelf?.find(happening);
    if (known !== undefined) {
      const count = (known.status?.count ?? 0) + 1;
      const status = patched(EventStatusSchema, known.status, { count, lastSeenAt: now });
      shelf?.put({ ...known, status });
      return;
    }
    const id = this.#context.newId();
    const subject = {
      resourceType: type,
      resourceId: resource.id,
      resourceName: resource.name,
    };
    const event = create(EventSchema, {
      id,
      name: `event-${id.slice(-12)}`,
      projectId: resource.projectId,
      spec: { ...subject, ...happening },
      status: {
        observedGeneration: 1n,
        phase: EventPhase.RECORDED,
        conditions: ready(),
        count: 1,
        firstSeenAt: now,
        lastSeenAt: now,
      },
    });
    const { newId, nowMs, types } = this.#context;
    const createdBy = nameOfCaller({ kind: 'system' });
    shelf?.put(newHeader(types.get('event'), event, { newId, nowMs: nowMs(), createdBy }));
  }
}

/** The events of one resource: as they are stored, and as they shall be. */
class Shelf {
  readonly #stored = new Map<string, Event>();
  readonly #wanted = new Map<string, Event>();

  put(event: Event): void {
    if (event.revision !== 0n && !this.#stored.has(event.id)) this.#stored.set(event.id, event);
    this.#wanted.set(event.id, event);
  }

  clear(): void {
    this.#wanted.clear();
  }

  find({ reason, message }: Happening): Event | undefined {
    return [...this.#wanted.values()].find(
      ({ spec }) => spec?.reason === reason && spec.message === message,
    );
  }

  /** Plans the difference, without the oldest where there are too many; returns what is added. */
  plan(plan: WritePlan, type: Parameters<WritePlan['create']>[0]): number {
    const kept = [...this.#wanted.values()].sort(byLastSeen).slice(-eventsOfResourceMax);
    const ids = new Set(kept.map(({ id }) => id));
    for (const event of kept) {
      const stored = this.#stored.get(event.id);
      if (stored === undefined) plan.create(type, event);
      else if (stored !== event) plan.update(type, event, stored);
    }
    const gone = [...this.#stored.values()].filter(({ id }) => !ids.has(id));
    for (const event of gone) plan.remove(type, event, []);
    return kept.length - this.#stored.size;
  }
}

const byLastSeen = (a: Event, b: Event): number => {
  const [x, y] = [a.status?.lastSeenAt, b.status?.lastSeenAt];
  return Number((x?.seconds ?? 0n) - (y?.seconds ?? 0n)) || (x?.nanos ?? 0) - (y?.nanos ?? 0);
};
