/**
 * The control plane's API for any resource type, as the command line and tests call it: requests
 * and answers are found by the contract's descriptors, so a new type needs nothing here.
 */
import { create, type DescField, type DescMethod, type Message } from '@bufbuild/protobuf';
import { Code, ConnectError, type Interceptor, type Transport } from '@connectrpc/connect';
import { createConnectTransport } from '@connectrpc/connect-node';
import { EventType, type Verdict } from '@limiquantix/proto/resource/v1/resource_pb.js';
import { LimiError } from '../resource/error.js';
import type { AnyResource } from '../resource/resource.js';
import { type ResourceType, writeMethodsOf } from '../resource/type-registry.js';
import { noTracing } from '../tracing.js';
import { newId, systemClock } from './effects.js';
import type { Profile } from './profile.js';
import { factsOf, retryInterceptor, waitMs } from './retry.js';
import { didYouMean } from './words/nearest.js';

/** A change that a watch tells of. */
export interface ResourceEvent {
  readonly type: EventType;
  /** Undefined for a bookmark. */
  readonly resource: AnyResource | undefined;
}

/** How resources are listed and watched. */
export interface Selection {
  readonly projectId?: string | undefined;
  readonly filter?: string | undefined;
}

/** Whether a word is a resource's id and no name. */
export const isId = (word: string): boolean =>
  /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/.test(word);

/** Pages of a list are this long. */
const pageSize = 500;
const callTimeoutMs = 30_000;
/** How often a creation is sent where its connection breaks, and the pause that grows with it. */
const createTriesMax = 3;
const createPauseMs = 500;

/** Makes the transport for a profile. Calls belong to the trace that is under way. */
export function createTransport(profile: Profile, tracing = noTracing): Transport {
  const authorize: Interceptor = (next) => (request) => {
    request.header.set('authorization', `Bearer ${profile.token}`);
    return next(request);
  };
  const follow: Interceptor = (next) => (request) => {
    const name = `${request.service.typeName}/${request.method.name}`;
    return tracing.within({ name, kind: 'client' }, () => {
      const traceparent = tracing.current();
      if (traceparent !== '') request.header.set('traceparent', traceparent);
      return next(request);
    });
  };
  return createConnectTransport({
    baseUrl: profile.endpoint,
    httpVersion: '2',
    nodeOptions: { ca: profile.caCertificate },
    interceptors: [retryInterceptor(systemClock), authorize, follow],
  });
}

/** Calls the standard methods. */
export class ResourceClient {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /**
   * Creates a resource; the answer is as it was stored. Safe to repeat with the same `requestId`,
   * which is done here where the connection breaks: it is made once.
   */
  async create(
    type: ResourceType,
    resource: AnyResource,
    requestId: string = newId(),
  ): Promise<AnyResource> {
    const { method, request, response } = writeMethodsOf(type).create;
    const fields = { [request.localName]: resource, requestId };
    for (let tries = 1; ; tries += 1) {
      try {
        return await this.#one(method, fields, response);
      } catch (error) {
        const isBroken = ConnectError.from(error).code === Code.Unavailable;
        if (!isBroken || tries === createTriesMax) throw error;
        await waitMs(systemClock, tries * createPauseMs, new AbortController().signal);
      }
    }
  }

  /** The resource with an id. */
  async get(type: ResourceType, id: string): Promise<AnyResource> {
    const { method, response } = type.methods.get;
    return this.#one(method, { id }, response);
  }

  /** All resources of a type that match, page by page. */
  async list(type: ResourceType, selection: Selection = {}): Promise<AnyResource[]> {
    const { method, response } = type.methods.list;
    const found: AnyResource[] = [];
    let pageToken = '';
    do {
      const answer = await this.call(method, { ...wordsOf(selection), pageSize, pageToken });
      found.push(...(read(answer, response) as AnyResource[]));
      pageToken = String((answer as unknown as { nextPageToken: unknown }).nextPageToken);
    } while (pageToken !== '');
    return found;
  }

  /** The resource with a name or an id. Throws LimiError NOT_FOUND where there is none. */
  async find(type: ResourceType, word: string, selection: Selection): Promise<AnyResource> {
    if (isId(word)) return this.get(type, word);
    const [first, second] = await this.list(type, { ...selection, filter: `name=${word}` });
    if (first === undefined) throw notFound(type, word, await this.#names(type, selection));
    if (second !== undefined) throw ambiguous(type, word);
    return first;
  }

  /** The resource with a name or an id, or undefined where there is none. */
  async findIfAny(
    type: ResourceType,
    word: string,
    selection: Selection,
  ): Promise<AnyResource | undefined> {
    try {
      if (isId(word)) return await this.get(type, word);
    } catch (error) {
      if (error instanceof ConnectError && error.code === Code.NotFound) return undefined;
      throw error;
    }
    const [first, second] = await this.list(type, { ...selection, filter: `name=${word}` });
    if (second !== undefined) throw ambiguous(type, word);
    return first;
  }

  /** Changes the fields at `paths`; refused where an `etag` is given and isn't the newest. */
  async update(
    type: ResourceType,
    resource: AnyResource,
    paths: readonly string[],
    etag = '',
  ): Promise<AnyResource> {
    const { method, request, response } = writeMethodsOf(type).update;
    const fields = { [request.localName]: resource, updateMask: { paths: [...paths] }, etag };
    return this.#one(method, fields, response);
  }

  /**
   * What creating a resource would do or, with `paths`, changing it; nothing is stored. Those of
   * one `planId` are judged together.
   */
  async judge(
    type: ResourceType,
    resource: AnyResource,
    { paths, planId }: { readonly paths?: readonly string[]; readonly planId: string },
  ): Promise<Verdict | undefined> {
    const { create: creation, update } = writeMethodsOf(type);
    const { method, request } = paths === undefined ? creation : update;
    const mask = paths === undefined ? {} : { updateMask: { paths: [...paths] } };
    const fields = { [request.localName]: resource, ...mask, validateOnly: true, planId };
    const answer = await this.call(method, fields);
    return (answer as unknown as { verdict?: Verdict }).verdict;
  }

  /** Requests a deletion. */
  async delete(type: ResourceType, id: string, force = false): Promise<void> {
    await this.call(writeMethodsOf(type).delete.method, { id, force });
  }

  /**
   * What exists, each as ADDED, then every change; until the signal aborts. Goes on where the
   * server cuts it off and says that it may come again.
   */
  async *watch(
    type: ResourceType,
    selection: Selection & { readonly signal: AbortSignal },
  ): AsyncGenerator<ResourceEvent> {
    let fromRevision = 0n;
    for (;;) {
      try {
        for await (const { revision, ...event } of this.#changes(type, selection, fromRevision)) {
          fromRevision = revision;
          yield event;
        }
        return;
      } catch (error) {
        const { retryAfterMs } = factsOf(error);
        if (retryAfterMs === undefined || selection.signal.aborted) throw error;
        await waitMs(systemClock, retryAfterMs, selection.signal);
      }
    }
  }

  async *#changes(
    type: ResourceType,
    selection: Selection & { readonly signal: AbortSignal },
    fromRevision: bigint,
  ): AsyncGenerator<ResourceEvent & { readonly revision: bigint }> {
    const { method, response } = type.methods.watch;
    const input = create(method.input, { ...wordsOf(selection), fromRevision });
    for await (const event of this.stream(method, input, selection.signal)) {
      const { type: kind, revision } = event as unknown as { type: EventType; revision: bigint };
      const resource = read(event, response) as AnyResource | undefined;
      const isBookmark = kind === EventType.BOOKMARK;
      yield { type: kind, resource: isBookmark ? undefined : resource, revision };
    }
  }

  /** Calls any method; `fields` are the request's, or the request. */
  async call(
    method: DescMethod,
    fields: Fields | Message,
    timeoutMs = callTimeoutMs,
  ): Promise<Message> {
    const { message } = await this.#transport.unary(
      method as Parameters<Transport['unary']>[0],
      undefined,
      timeoutMs,
      undefined,
      create(method.input, fields as Fields),
    );
    return message;
  }

  /** Calls a method that answers with a stream, until the signal aborts. */
  async *stream(
    method: DescMethod,
    request: Message,
    signal: AbortSignal,
  ): AsyncGenerator<Message> {
    // A stream that nobody reads any more would keep its connection, and so the process.
    const end = new AbortController();
    try {
      const { message } = await this.#transport.stream(
        method as Parameters<Transport['stream']>[0],
        AbortSignal.any([signal, end.signal]),
        undefined,
        undefined,
        only(request),
      );
      yield* message as AsyncIterable<Message>;
    } finally {
      end.abort();
    }
  }

  /** The first names of a type, to tell which could have been meant. */
  async #names(type: ResourceType, { projectId }: Selection): Promise<string[]> {
    const { method, response } = type.methods.list;
    const answer = await this.call(method, { ...wordsOf({ projectId }), pageSize });
    return (read(answer, response) as AnyResource[]).map(({ name }) => name);
  }

  async #one(method: DescMethod, fields: Fields, response: DescField): Promise<AnyResource> {
    return read(await this.call(method, fields), response) as AnyResource;
  }
}

/** A message's fields by name, as `create` takes them. */
type Fields = Record<string, unknown>;

function read(message: Message, field: DescField): unknown {
  return (message as unknown as Record<string, unknown>)[field.localName];
}

function wordsOf({ projectId, filter }: Selection): Fields {
  return { projectId: projectId ?? '', filter: filter ?? '' };
}

async function* only(message: Message): AsyncGenerator<Message> {
  yield message;
}

function notFound(type: ResourceType, name: string, names: readonly string[]): LimiError {
  const near = didYouMean(name, names);
  return new LimiError({
    code: Code.NotFound,
    reason: 'NOT_FOUND',
    message: `there is no ${type.label} named ${name}${near || `; see: limiquantix get ${type.type}`}`,
  });
}

function ambiguous(type: ResourceType, name: string): LimiError {
  return new LimiError({
    code: Code.FailedPrecondition,
    reason: 'AMBIGUOUS',
    message: `several projects have a ${type.label} named ${name}; give --project or the id`,
  });
}
