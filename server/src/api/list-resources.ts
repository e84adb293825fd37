/**
 * List: pages of resources that are all taken at one revision, however long a client takes to read
 * them. The newest revision comes from the view, an older one from the store's history. A list that
 * is read further is kept for that (`snapshots.ts`).
 */
import { createHash } from 'node:crypto';
import { timestampMs } from '@bufbuild/protobuf/wkt';
import type { Access } from '../decide/access.js';
import type { LimiError } from '../resource/error.js';
import { typePrefix } from '../resource/keys.js';
import { nameInRecord } from '../resource/record.js';
import type { AnyResource } from '../resource/resource.js';
import type { ResourceType } from '../resource/type-registry.js';
import { ViewRecord } from '../view/view-record.js';
import { type ApiContext, freshen } from './api-context.js';
import { allOf, type Filter, type FilterOptions, parseFilter, visibleTo } from './filter.js';
import { type Order, parseOrder, sortRecords } from './order.js';
import type { Snapshot } from './snapshots.js';
import { invalidFields } from './validation.js';

/** What to list. */
export interface ListRequest extends FilterOptions {
  readonly type: ResourceType;
  /** Resources in the page, at most; 0 for 500. */
  readonly pageSize: number;
  /** Where the page begins: `nextPageToken` of the page before; empty for the first. */
  readonly pageToken: string;
  /** The field to order by; empty for the id. */
  readonly orderBy: string;
  /** The revision to list at; 0 for the newest. */
  readonly revision: bigint;
}

/** A page. */
export interface ResourcePage {
  /** Secrets included. */
  readonly records: readonly ViewRecord[];
  /** Empty at the end. */
  readonly nextPageToken: string;
  readonly revision: bigint;
}

const pageSizeDefault = 500;
const storePageMax = 1000;
/** Resources that an expression is asked of in one turn. */
const costlyPart = 1_000;
/** Many clients take messages of 4 MiB at most when they aren't told otherwise. */
const pageBytesMax = 3.5 * 1024 * 1024;

/** Where a page begins: after how many of the list at a revision. */
interface Position {
  readonly revision: string;
  readonly skip: number;
  /** Of all that makes a list what it is, so that a token isn't used for another one. */
  readonly query: string;
}

/** A page of resources. Throws OUT_OF_RANGE (COMPACTED) where the revision is too old. */
export async function listResources(
  context: ApiContext,
  request: ListRequest,
): Promise<ResourcePage> {
  const { type } = request;
  const order = parseOrder(request.orderBy);
  const filter = parseFilter(type, request, 'list');
  const sees = visibleTo(context, type);
  const passes = allOf(sees, filter);
  const query = digestOf(request, context.access);
  const position = readToken(request.pageToken, query);
  await freshen(context);
  const wanted = position === undefined ? request.revision : BigInt(position.revision);
  const { snapshots } = context;
  const { records: sorted, revision } =
    snapshots.find(nameOf(query, wanted)) ??
    (await takeSnapshot(context, { type, wanted, passes, order }));
  const skip = position?.skip ?? 0;
  const end = endOfPage(sorted, skip, request.pageSize || pageSizeDefault);
  const isLast = end >= sorted.length;
  if (isLast) snapshots.forget(nameOf(query, revision));
  else snapshots.keep(nameOf(query, revision), { records: sorted, revision });
  return {
    records: sorted.slice(skip, end),
    nextPageToken: isLast ? '' : writeToken({ revision: String(revision), skip: end, query }),
    revision,
  };
}

const nameOf = (query: string, revision: bigint): string => `${query}@${revision}`;

/** Where a page ends: it holds so many, or as many bytes as clients take in one message. */
function endOfPage(records: readonly ViewRecord[], begin: number, count: number): number {
  let bytes = 0;
  const most = Math.min(begin + count, records.length);
  for (let end = begin; end < most; end += 1) {
    bytes += records[end]?.length ?? 0;
    if (bytes > pageBytesMax && end > begin) return end;
  }
  return most;
}

async function takeSnapshot(
  context: ApiContext,
  list: {
    readonly type: ResourceType;
    readonly wanted: bigint;
    readonly passes: Filter | undefined;
    readonly order: Order;
  },
): Promise<Snapshot> {
  const { type, wanted, passes, order } = list;
  const { records, revision } = await everything(context, type, wanted);
  const decode = (record: ViewRecord): AnyResource => context.view.decode(type.type, record);
  const passing = passes && ((record: ViewRecord) => passes(decode(record)));
  const passed = await filtered(records, passing, passes?.isCostly === true);
  const sorted = sortRecords(passed, order, {
    name: (record) => nameInRecord(type, record),
    createdAtMs(record) {
      const { createdAt } = decode(record);
      return createdAt === undefined ? 0 : timestampMs(createdAt);
    },
  });
  return { records: sorted, revision };
}

/** What passes. A filter that takes long lets others have their turn in between. */
async function filtered<T>(
  all: readonly T[],
  passes: ((one: T) => boolean) | undefined,
  isCostly: boolean,
): Promise<readonly T[]> {
  if (passes === undefined) return all;
  if (!isCostly) return all.filter(passes);
  const passed: T[] = [];
  for (let from = 0; from < all.length; from += costlyPart) {
    for (const one of all.slice(from, from + costlyPart)) if (passes(one)) passed.push(one);
    await new Promise((resolve) => setImmediate(resolve));
  }
  return passed;
}

/** All resources of a type at a revision; 0n is the newest. */
async function everything(
  { view, store }: ApiContext,
  type: ResourceType,
  wanted: bigint,
): Promise<Snapshot> {
  // One turn of the event loop: nothing changes between reading the list and its revision.
  if (wanted === 0n || wanted === view.revision) {
    return { records: view.records(type.type), revision: view.revision };
  }
  const prefix = typePrefix(type.type);
  const records: ViewRecord[] = [];
  let from: string | undefined;
  do {
    const page = await store.list({ prefix, limit: storePageMax, from, revision: wanted });
    for (const entry of page.entries) {
      records.push(new ViewRecord(entry.key.slice(prefix.length), entry));
    }
    from = page.next;
  } while (from !== undefined);
  return { records, revision: wanted };
}

function digestOf({ type, filter, projectId, orderBy }: ListRequest, { key }: Access): string {
  const text = JSON.stringify([type.type, filter, projectId, orderBy, key]);
  return createHash('sha256').update(text).digest('base64url').slice(0, 12);
}

const writeToken = (position: Position): string =>
  Buffer.from(JSON.stringify(position)).toString('base64url');

function readToken(token: string, query: string): Position | undefined {
  if (token === '') return undefined;
  const position = parseToken(token);
  if (position === undefined) throw invalidToken(`isn't a token of this server`);
  if (position.query !== query) {
    throw invalidToken('is of a list with another filter, project or order');
  }
  return position;
}

function parseToken(token: string): Position | undefined {
  try {
    const parsed = JSON.parse(Buffer.from(token, 'base64url').toString()) as Partial<Position>;
    const { revision, skip, query } = parsed;
    if (typeof revision !== 'string' || !/^\d{1,18}$/.test(revision)) return undefined;
    if (typeof query !== 'string' || !Number.isSafeInteger(skip)) return undefined;
    return { revision, query, skip: Math.max(0, Number(skip)) };
  } catch {
    return undefined;
  }
}

const invalidToken = (what: string): LimiError =>
  invalidFields(
    [{ path: 'page_token', message: `${what}; begin anew without one` }],
    'PAGE_TOKEN_INVALID',
  );
