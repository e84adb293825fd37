/**
 * Watch: the changes of a type's resources after a revision, in order and without a gap. A client
 * that reads slowly holds nothing up: it is a position in the store's history. `paced-watch.ts`
 * ends the watch of one that stops reading, and who is slower than history is long gets COMPACTED.
 */
import { Code } from '@connectrpc/connect';
import { EventType } from '@limiquantix/proto/resource/v1/resource_pb.js';
import type { Access } from '../decide/access.js';
import { LimiError } from '../resource/error.js';
import { typePrefix } from '../resource/keys.js';
import { decodeShared } from '../resource/record.js';
import type { AnyResource } from '../resource/resource.js';
import type { ResourceType } from '../resource/type-registry.js';
import type { StoreEvent, WatchBatch } from '../store/store.js';
import { type ApiContext, freshen } from './api-context.js';
import { type Filter, type FilterOptions, parseFilter, visibleTo } from './filter.js';
import { withTicks } from './ticks.js';

/** What to watch. */
export interface WatchRequest extends FilterOptions {
  readonly type: ResourceType;
  /** The revision after which events begin; 0 for those that exist first. */
  readonly fromRevision: bigint;
  readonly signal: AbortSignal;
  /** What the caller may do by now; the watch ends when that isn't what it began with. */
  readonly accessNow: () => Access;
}

/** A change. */
export interface ResourceEvent {
  readonly type: EventType;
  /** Secrets included; undefined for a BOOKMARK. */
  readonly resource: AnyResource | undefined;
  /**
   * Where a watch may go on without a gap. Amid the changes of one commit, that is before it: some
   * of them are told again then.
   */
  readonly revision: bigint;
}

/** A watch. */
export interface ResourceWatch {
  readonly events: AsyncGenerator<ResourceEvent, void>;
  /** The revision that what was told last is of. */
  readonly position: () => bigint;
}

/** After this many revisions without an event, a BOOKMARK moves the client's position on. */
const bookmarkRevisions = 500n;
/** Where nothing at all happens for this long, one tells that the watch is alive. */
const bookmarkMs = 60_000;

/**
 * Changes until the signal aborts. A BOOKMARK follows as soon as the watch is complete up to the
 * moment it was called. A resource that begins or ceases to pass the filter is ADDED or DELETED.
 */
export function watchResources(context: ApiContext, request: WatchRequest): ResourceWatch {
  const progress = { position: request.fromRevision };
  return { events: follow(context, request, progress), position: () => progress.position };
}

async function* follow(
  context: ApiContext,
  request: WatchRequest,
  progress: { position: bigint },
): AsyncGenerator<ResourceEvent, void> {
  const { type, signal } = request;
  const filter = parseFilter(type, request);
  const sees = visibleTo(context, type);
  const passes = (one: AnyResource): boolean => sees(one) && filter?.(one) !== false;
  await freshen(context);
  const begin = context.view.revision;
  if (request.fromRevision === 0n) {
    progress.position = begin;
    yield* existing(context, type, passes);
  }
  let isCurrent = progress.position >= begin;
  if (isCurrent) yield bookmark(progress.position);
  const prefix = typePrefix(type.type);
  const fromRevision = progress.position;
  const batches = context.store.watch({ prefix, fromRevision, signal });
  const { clock } = context;
  let complete = fromRevision;
  for await (const batch of withTicks(batches, { clock, everyMs: bookmarkMs })) {
    if (batch === undefined) {
      progress.position = complete;
      yield bookmark(complete);
      continue;
    }
    complete = batch.revision;
    // The view has at least what the events have: whoever lost a role sees nothing after that.
    await context.view.settled(batch.revision);
    if (request.accessNow().key !== context.access.key) throw accessChanged();
    for (const event of eventsOf(type, passes, batch)) {
      progress.position = event.revision;
      yield event;
    }
    const isDue =
      (!isCurrent && batch.revision >= begin) ||
      batch.revision - progress.position >= bookmarkRevisions;
    if (!isDue) continue;
    isCurrent = true;
    progress.position = batch.revision;
    yield bookmark(progress.position);
  }
}

const accessChanged = (): LimiError =>
  new LimiError({
    code: Code.Aborted,
    reason: 'ACCESS_CHANGED',
    message: 'what you may see has changed; watch again from the beginning',
    retryable: true,
  });

/**
 * What the view has, taken in one turn of the event loop and told in the order of last changes, so
 * that a watch that breaks off amid it may go on from any of it.
 */
function existing(
  { view }: ApiContext,
  type: ResourceType,
  passes: Filter,
): Iterable<ResourceEvent> {
  const resources = [...view.list(type.type)].sort((a, b) => Number(a.revision - b.revision));
  return resumable(added(resources, passes));
}

function* added(resources: readonly AnyResource[], passes: Filter): Iterable<ResourceEvent> {
  for (const resource of resources) {
    if (passes(resource)) yield { type: EventType.ADDED, resource, revision: resource.revision };
  }
}

const bookmark = (revision: bigint): ResourceEvent => ({
  type: EventType.BOOKMARK,
  resource: undefined,
  revision,
});

const eventsOf = (type: ResourceType, passes: Filter, batch: WatchBatch): Iterable<ResourceEvent> =>
  resumable(changes(type, passes, batch));

/** The same events; those after which more of the same revision comes are of the one before. */
function* resumable(events: Iterable<ResourceEvent>): Iterable<ResourceEvent> {
  let held: ResourceEvent | undefined;
  for (const event of events) {
    if (held !== undefined) {
      const isAmid = held.revision === event.revision;
      yield isAmid ? { ...held, revision: held.revision - 1n } : held;
    }
    held = event;
  }
  if (held !== undefined) yield held;
}

function* changes(type: ResourceType, passes: Filter, batch: WatchBatch): Iterable<ResourceEvent> {
  for (const event of batch.events) {
    const revision = event.kind === 'put' ? event.entry.revision : event.revision;
    const now = event.kind === 'put' ? decodeShared(type, event.entry) : undefined;
    const before = previousOf(type, event);
    const isIn = now !== undefined && passes(now);
    const wasIn = before !== undefined && passes(before);
    if (isIn) {
      const kind = wasIn ? EventType.MODIFIED : EventType.ADDED;
      yield { type: kind, resource: now, revision };
    } else if (wasIn) yield { type: EventType.DELETED, resource: now ?? before, revision };
  }
}

function previousOf(type: ResourceType, { previous, ...event }: StoreEvent) {
  if (previous === undefined) return undefined;
  const revision = event.kind === 'put' ? event.entry.revision : event.revision;
  return decodeShared(type, { value: previous, revision });
}
