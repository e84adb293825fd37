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
import { decodeShared, type RecordEntry } from '../resource/record.js';
import type { ResourceType } from '../resource/type-registry.js';
import type { StoreEvent, WatchBatch } from '../store/store.js';
import { type ApiContext, freshen } from './api-context.js';
import { allOf, type Filter, type FilterOptions, parseFilter, visibleTo } from './filter.js';
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
  readonly record: RecordEntry | undefined;
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
  const filter = allOf(visibleTo(context, type), parseFilter(type, request, 'watch'));
  const passes = (one: RecordEntry): boolean => filter?.(decodeShared(type, one)) !== false;
  await freshen(context);
  const begin = context.view.revision;
  if (request.fromRevision === 0n) {
    progress.position = begin;
    yield* existing(context, type, filter);
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
    for (const event of eventsOf(passes, batch)) {
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
 * that a watch that breaks off amid it may go on from any of it. What was not told by then comes
 * as the change that it is in history, MODIFIED, to a client that doesn't know it yet.
 */
function existing(
  { view }: ApiContext,
  { type }: ResourceType,
  filter: Filter | undefined,
): Iterable<ResourceEvent> {
  const passing = filter
    ? view.records(type).filter((record) => filter(view.decode(type, record)))
    : [...view.records(type)];
  return resumable(added(passing.sort((a, b) => Number(a.revision - b.revision))));
}

function* added(records: readonly RecordEntry[]): Iterable<ResourceEvent> {
  for (const { value, revision } of records) {
    // Not the view's own: what is made of it for a watch goes with it, and doesn't stay.
    yield { type: EventType.ADDED, record: { value, revision }, revision };
  }
}

/** Whether a record is told. */
type Passes = (record: RecordEntry) => boolean;

const bookmark = (revision: bigint): ResourceEvent => ({
  type: EventType.BOOKMARK,
  record: undefined,
  revision,
});

const eventsOf = (passes: Passes, batch: WatchBatch): Iterable<ResourceEvent> =>
  resumable(changes(passes, batch));

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

function* changes(passes: Passes, batch: WatchBatch): Iterable<ResourceEvent> {
  for (const event of batch.events) {
    const revision = event.kind === 'put' ? event.entry.revision : event.revision;
    const now = event.kind === 'put' ? event.entry : undefined;
    const before = previousOf(event, revision);
    const isIn = now !== undefined && passes(now);
    const wasIn = before !== undefined && passes(before);
    if (isIn) {
      const type = wasIn ? EventType.MODIFIED : EventType.ADDED;
      yield { type, record: now, revision };
    } else if (wasIn) yield { type: EventType.DELETED, record: now ?? before, revision };
  }
}

const previousRecords = new WeakMap<StoreEvent, RecordEntry>();

/** What was before an event; the same for all who ask, so that it is decoded once. */
function previousOf(event: StoreEvent, revision: bigint): RecordEntry | undefined {
  if (event.previous === undefined) return undefined;
  let record = previousRecords.get(event);
  if (record === undefined) {
    record = { value: event.previous, revision };
    previousRecords.set(event, record);
  }
  return record;
}
