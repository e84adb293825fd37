/**
 * The control plane behind the engine's port: standard methods, coalesced reads, shared watches,
 * uploads.
 */
import { type Api, ApiError, type FindQuestion } from '../engine/api.js';
import { DiagnosticError, problem } from '../engine/diagnostic.js';
import type { ResourceShape } from '../schema/resource-shape.js';
import {
  answerFields,
  type Caller,
  type CallerOptions,
  createCaller,
  resourceProperty,
  standardMethod,
} from './calls.js';
import type { Channel } from './channel.js';
import { judge } from './judge.js';
import { listResources, pageSizeMax } from './lister.js';
import { Reader, type ReaderOptions } from './reader.js';
import type { Settings } from './settings.js';
import type { Timers } from './timers.js';
import type { uploadFile } from './uploader.js';
import { waitFor } from './wait.js';
import { Watcher, type WatcherOptions } from './watcher.js';

/** What the client needs from outside. */
export interface ApiClientOptions {
  readonly settings: Settings;
  readonly channel: Channel;
  /** Aborted when Terraform asks the provider to stop. */
  readonly stopping: AbortSignal;
  readonly nowMs: () => number;
  readonly timers: Timers;
  /** The word that all judged requests of this process share. */
  readonly planId: string;
}

const findPagesMax = 100;
/** How long a call may take that makes something useless at the end. */
const endTimeoutMs = 10_000;

/** Makes the client. Nothing is sent before the first call. */
export function createApiClient(options: ApiClientOptions): Api {
  const { settings, channel, stopping, timers, planId } = options;
  const sleep = (ms: number): Promise<void> => pause(timers, ms, stopping);
  const { endpoint } = settings;
  const caller = createCaller({ endpoint, channel, stopping, sleep });
  const { reader, revisionReader, watcher, forget } = perType({ ...options, caller, sleep });
  return {
    create: (shape, resource, requestId) =>
      write(caller, shape, 'Create', { resource, rest: { requestId } }, forget),
    update(shape, { resource, paths, etag }) {
      const rest = { updateMask: { paths: [...paths] }, etag };
      return write(caller, shape, 'Update', { resource, rest }, forget);
    },
    get: (shape, id) => reader(shape).read(id),
    hasRevision: async (shape, id, revision) =>
      (await revisionReader(shape).read(id))?.revision === revision,
    find: (shape, question) => find(caller, shape, question),
    async delete(shape, id) {
      const method = standardMethod(shape, 'Delete');
      try {
        return answerFields(shape, method, await caller.unary(method, { id })).resource;
      } catch (error) {
        if (error instanceof ApiError && error.code === 'not_found') return undefined;
        throw error;
      } finally {
        forget();
      }
    },
    async call(method, request, { atTheEnd = false } = {}) {
      try {
        if (!atTheEnd) return await caller.unary(method, request);
        return await closingCaller({ endpoint, channel, timers }).unary(
          method,
          request,
          endTimeoutMs,
        );
      } finally {
        forget();
      }
    },
    judge: (shape, question) => judge(caller, planId, shape, question),
    wait: (shape, question) => waitFor(watcher(shape), question, { stopping, timers }),
    upload: ({ type }, id, file) => upload(caller, { type, id }, file),
  };
}

/** The readers and watchers of each type. */
function perType(options: Omit<ReaderOptions, 'shape'> & Omit<WatcherOptions, 'shape' | 'get'>) {
  const { caller, nowMs, timers } = options;
  const readers = new Map<string, Reader>();
  const revisions = new Map<string, Reader>();
  const watchers = new Map<string, Watcher>();
  const make = (shape: ResourceShape, fields?: readonly string[]): Reader =>
    new Reader({ caller, shape, nowMs, timers }, fields);
  return {
    reader: (shape: ResourceShape): Reader => ofType(readers, shape, () => make(shape)),
    revisionReader: (shape: ResourceShape): Reader =>
      ofType(revisions, shape, () => make(shape, ['id', 'revision'])),
    watcher: (shape: ResourceShape): Watcher =>
      ofType(watchers, shape, () => {
        const get = (id: string) => make(shape).read(id);
        return new Watcher({ ...options, shape, get });
      }),
    /** A write of one type may change the status of others. */
    forget(): void {
      for (const one of [...readers.values(), ...revisions.values()]) one.forget();
    },
  };
}

/** Few processes upload, and its methods are in a file of the contract that no other needs. */
const upload: typeof uploadFile = async (...args) =>
  (await import('./uploader.js')).uploadFile(...args);

/** For calls at the end: Terraform asks to stop before it closes what is open. */
function closingCaller(
  options: Pick<CallerOptions, 'endpoint' | 'channel'> & { readonly timers: Timers },
): Caller {
  const never = new AbortController().signal;
  const sleep = (ms: number): Promise<void> => pause(options.timers, ms, never);
  return createCaller({ ...options, stopping: never, sleep });
}

/** Asks for next to nothing, to learn whether the control plane answers and takes the token. */
export async function probe(
  { settings, channel, stopping }: Omit<ApiClientOptions, 'planId' | 'timers'>,
  shape: ResourceShape,
): Promise<void> {
  const method = standardMethod(shape, 'List');
  const { endpoint } = settings;
  const caller = createCaller({ endpoint, channel, stopping, sleep: () => Promise.resolve() });
  try {
    await caller.unary(method, { pageSize: 1 });
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    // A token that may do little is still a good one.
    if (error.code === 'permission_denied') return;
    const summary =
      error.code === 'unauthenticated'
        ? 'The control plane refuses the token'
        : 'The control plane cannot be reached';
    throw new DiagnosticError([problem(summary, error.message)]);
  }
}

interface Write {
  readonly resource: Parameters<Api['create']>[1];
  readonly rest: Record<string, unknown>;
}

async function write(
  caller: Caller,
  shape: ResourceShape,
  verb: 'Create' | 'Update',
  { resource, rest }: Write,
  written: () => void,
): ReturnType<Api['create']> {
  const method = standardMethod(shape, verb);
  const request = { ...rest, [resourceProperty(shape, method)]: resource };
  try {
    const answer = answerFields(shape, method, await caller.unary(method, request));
    if (answer.resource !== undefined) return answer.resource;
  } finally {
    written();
  }
  throw new ApiError({
    code: 'internal',
    reason: 'NO_RESOURCE',
    message: `the control plane's answer to ${method.name} holds no ${shape.type}`,
    violations: [],
  });
}

async function find(
  caller: Caller,
  shape: ResourceShape,
  { name, projectId, labels = {}, filter = '', orderBy = '', countMax }: FindQuestion,
): ReturnType<Api['find']> {
  const terms = Object.entries(labels).map(([key, value]) => `labels.${key}=${value}`);
  if (name !== undefined) terms.unshift(`name=${name}`);
  if (filter.trim() !== '') terms.push(filter);
  const pageSize = Math.min(countMax ?? pageSizeMax, pageSizeMax);
  const pagesMax = countMax === undefined ? findPagesMax : Math.ceil(countMax / pageSize);
  const { resources, isComplete } = await listResources(caller, shape, {
    filter: terms.join(' AND '),
    orderBy,
    ...(projectId === undefined ? {} : { projectId }),
    pageSize,
    pagesMax,
  });
  if (isComplete || countMax !== undefined) return resources.slice(0, countMax);
  throw new ApiError({
    code: 'resource_exhausted',
    reason: 'TOO_MANY',
    message: `there are more than ${resources.length} ${shape.plural}: ask for fewer by a filter`,
    violations: [],
  });
}

function ofType<T>(all: Map<string, T>, { type }: ResourceShape, make: () => T): T {
  const found = all.get(type) ?? make();
  all.set(type, found);
  return found;
}

function pause(timers: Timers, ms: number, stopping: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = (): void => {
      cancel?.();
      reject(
        new ApiError({ code: 'canceled', reason: '', message: 'interrupted', violations: [] }),
      );
    };
    let cancel: (() => void) | undefined;
    if (stopping.aborted) return stop();
    cancel = timers.after(ms, () => {
      stopping.removeEventListener('abort', stop);
      resolve();
    });
    stopping.addEventListener('abort', stop, { once: true });
    return undefined;
  });
}
