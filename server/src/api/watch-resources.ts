/**
 * Watch: the changes of a type's resources after a revision, in order and without a gap. A client
 * that reads slowly holds nothing up: it is a position in the store's history, and gets COMPACTED
 * where that has moved on.
 */
import { EventType } from '@limiquantix/proto/resource/v1/resource_pb.js';
import { typePrefix } from '../resource/keys.js';
import { decodeShared } from '../resource/record.js';
import type { AnyResource } from '../resource/resource.js';
import type { ResourceType } from '../resource/type-registry.js';
import type { StoreEvent, WatchBatch } from '../store/store.js';
import { type ApiContext, freshen } from './api-context.js';
import { type Filter, type FilterOptions, parseFilter } from './filter.js';

/** What to watch. */
export interface WatchRequest extends FilterOptions {
  readonly type: ResourceType;
  /** The revision after which events begin; 0 for those that exist first. */
  readonly fromRevision: bigint;
  readonly signal: AbortSignal;
}

/** A change. */
export interface ResourceEvent {
  readonly type: EventType;
  /** Secrets included; undefined for a BOOKMARK. */
  readonly resource: AnyResource | undefined;
  readonly revision: bigint;
}

/** After this many revisions without an event, a BOOKMARK moves the client's position on. */
const bookmarkRevisions = 500n;

/**
 * Changes until the signal aborts. A BOOKMARK follows as soon as the watch is complete up to the
 * moment it was called. A resource that begins or ceases to pass the filter is ADDED or DELETED.
 */
export async function* watchResources(
  context: ApiContext,
  request: WatchRequest,
): AsyncGenerator<ResourceEvent> {
  const { type, signal } = request;
  const passes = parseFilter(type, request) ?? (() => true);
  await freshen(context);
  const begin = context.view.revision;
  let told = request.fromRevision === 0n ? begin : request.fromRevision;
  if (request.fromRevision === 0n) yield* existing(context, type, passes);
  let isCurrent = told >= begin;
  if (isCurrent) yield bookmark(told);
  const prefix = typePrefix(type.type);
  for await (const batch of context.store.watch({ prefix, fromRevision: told, signal })) {
    for (const event of eventsOf(type, passes, batch)) {
      yield event;
      told = event.revision;
    }
    const isDue =
      (!isCurrent && batch.revision >= begin) || batch.revision - told >= bookmarkRevisions;
    if (!isDue) continue;
    isCurrent = true;
    told = batch.revision;
    yield bookmark(told);
  }
}

/** What the view has, taken in one turn of the event loop. */
function existing(context: ApiContext, type: ResourceType, passes: Filter): ResourceEvent[] {
  const { revision } = context.view;
  const resources = context.view.list(type.type).filter(passes);
  return resources.map((resource) => ({ type: EventType.ADDED, resource, revision }));
}

const bookmark = (revision: bigint): ResourceEvent => ({
  type: EventType.BOOKMARK,
  resource: undefined,
  revision,
});

function* eventsOf(
  type: ResourceType,
  passes: Filter,
  batch: WatchBatch,
): Generator<ResourceEvent> {
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
