/**
 * The standard methods of every resource type, registered on a Connect router from descriptors: one
 * implementation, no code for any type. It checks requests, calls the operations beside it, and
 * takes secrets out of what is answered.
 */
import type { DescMethod, DescService, Message } from '@bufbuild/protobuf';
import type { ConnectRouter, HandlerContext, ServiceImpl } from '@connectrpc/connect';
import { decodeShared, entryOf } from '../resource/record.js';
import type { AnyResource } from '../resource/resource.js';
import { withoutSecrets } from '../resource/strip.js';
import type { MethodFields, ResourceType, WriteMethods } from '../resource/type-registry.js';
import type { ViewRecord } from '../view/view-record.js';
import { type ApiContext, freshen, mustFind } from './api-context.js';
import { callerOf, callIn, contextOf } from './caller.js';
import { connectionOf } from './connection.js';
import { createResource, type Stored } from './create-resource.js';
import { deleteResource } from './delete-resource.js';
import { encodeEvent, encodeOne, encodePage } from './encode-answers.js';
import { encodedBy } from './encoded.js';
import { readMask } from './field-mask.js';
import { listResources } from './list-resources.js';
import type { CustomMethod } from './methods/custom-method.js';
import { customHandlers, customMethods } from './methods/table.js';
import { PacedWatch } from './paced-watch.js';
import { updateResource } from './update-resource.js';
import { invalidFields } from './validation.js';
import { watchResources } from './watch-resources.js';

/** Registers the services of all types; `more` are methods that the context isn't enough for. */
export function registerResources(
  router: ConnectRouter,
  context: ApiContext,
  more: readonly CustomMethod[],
): void {
  const table = [...customMethods(), ...more];
  for (const type of context.types.types) {
    router.service(type.service, {
      ...customHandlers(context, type.service, table),
      ...standardMethods(context, type),
    });
  }
}

/** A request as the contract has it for every type, besides the field that holds the resource. */
interface StandardRequest extends Message {
  readonly id: string;
  readonly requestId: string;
  readonly validateOnly: boolean;
  readonly planId: string;
  readonly updateMask?: { readonly paths: readonly string[] };
  readonly etag: string;
  readonly force: boolean;
  readonly pageSize: number;
  readonly pageToken: string;
  readonly filter: string;
  readonly orderBy: string;
  readonly revision: bigint;
  readonly projectId: string;
  readonly readMask?: { readonly paths: readonly string[] };
  readonly fromRevision: bigint;
}

type Handler = (request: StandardRequest, context: HandlerContext) => unknown;

/** One type's standard methods; the others are in `methods/`. */
function standardMethods(
  context: ApiContext,
  type: ResourceType,
): Partial<ServiceImpl<DescService>> {
  const { methods } = type;
  const handlers: [DescMethod, Handler][] = [
    [methods.get.method, getHandler(context, type)],
    [methods.list.method, listHandler(context, type)],
    [methods.watch.method, watchHandler(context, type)],
  ];
  if (methods.write !== undefined) {
    const { create, update, delete: remove } = methods.write;
    handlers.push(
      [create.method, createHandler(context, type, create)],
      [update.method, updateHandler(context, type, update)],
      [remove.method, deleteHandler(context, type, remove)],
    );
  }
  const entries = handlers.map(([method, handler]) => [method.localName, handler]);
  return Object.fromEntries(entries) as Partial<ServiceImpl<DescService>>;
}

function createHandler(context: ApiContext, type: ResourceType, create: MethodFields): Handler {
  return async (request, call) => {
    context.validate(create.method.input, request, create.request);
    const { requestId, validateOnly, planId } = request;
    const input = resourceIn(request, create);
    const caller = callerOf(call);
    return answer(
      type,
      create,
      await createResource(contextOf(context, call), {
        type,
        input,
        caller,
        requestId,
        validateOnly,
        planId,
      }),
    );
  };
}

function getHandler(context: ApiContext, type: ResourceType): Handler {
  const { get } = type.methods;
  return async (request, call) => {
    context.validate(get.method.input, request);
    await freshen(context);
    const resource = mustFind(contextOf(context, call), type, request.id);
    return answer(type, get, { resource, verdict: undefined });
  };
}

function listHandler(context: ApiContext, type: ResourceType): Handler {
  const { list } = type.methods;
  return async (request, call) => {
    context.validate(list.method.input, request);
    const pick = readMask(type, request.readMask?.paths ?? []);
    const own = contextOf(context, call);
    const { records, ...page } = await listResources(own, { ...request, type });
    const show = (record: ViewRecord) => {
      const resource = context.view.decode(type.type, record);
      return withoutSecrets(type, pick?.(resource) ?? resource);
    };
    const answer = {
      ...page,
      get [list.response.localName]() {
        return records.map(show);
      },
    };
    return pick === undefined ? encodedBy(answer, () => encodePage(type, records, page)) : answer;
  };
}

function updateHandler(context: ApiContext, type: ResourceType, update: MethodFields): Handler {
  return async (request, call) => {
    const { etag, validateOnly, updateMask, planId } = request;
    const input = resourceIn(request, update);
    if (input.id === '') throw invalidFields([{ path: 'id', message: 'is required' }]);
    const paths = updateMask?.paths ?? [];
    const caller = callerOf(call);
    return answer(
      type,
      update,
      await updateResource(contextOf(context, call), {
        type,
        input,
        paths,
        caller,
        etag,
        validateOnly,
        planId,
      }),
    );
  };
}

function deleteHandler(
  context: ApiContext,
  type: ResourceType,
  { method, response }: WriteMethods['delete'],
): Handler {
  return async (request, call) => {
    context.validate(method.input, request);
    const { id, etag, force, validateOnly, planId } = request;
    const caller = callerOf(call);
    const resource = await deleteResource(contextOf(context, call), {
      ...{ type, id, etag, force, validateOnly, planId },
      caller,
    });
    return answer(type, { response }, { resource, verdict: undefined });
  };
}

function watchHandler(context: ApiContext, type: ResourceType): Handler {
  const { watch } = type.methods;
  return (request, call) => {
    context.validate(watch.method.input, request);
    const { fromRevision, filter, projectId } = request;
    const { signal } = call;
    const { accessNow } = callIn(call);
    const options = { type, fromRevision, filter, projectId, signal, accessNow };
    const changes = watchResources(contextOf(context, call), options);
    return new PacedWatch({
      events: answers(changes.events),
      isRecent: () => context.store.isRecent(changes.position()),
      clock: context.clock,
      hangUp: connectionOf(call).hangUp,
    });
    async function* answers(events: typeof changes.events) {
      for await (const { record, ...event } of events) {
        const told = {
          ...event,
          get [watch.response.localName]() {
            return record && withoutSecrets(type, decodeShared(type, record));
          },
        };
        yield encodedBy(told, () => encodeEvent(type, record, event));
      }
      // A watch has no end of its own: the client learns why, such as that the server is stopping.
      if (signal.aborted) throw signal.reason;
    }
  };
}

function resourceIn(request: Message, { request: field }: MethodFields): AnyResource {
  const resource = (request as unknown as Record<string, AnyResource | undefined>)[field.localName];
  if (resource !== undefined) return resource;
  throw invalidFields([{ path: field.name, message: 'is required' }]);
}

function answer(
  type: ResourceType,
  { response }: Pick<MethodFields, 'response'>,
  { resource, verdict }: Stored,
) {
  const told = {
    get [response.localName]() {
      return withoutSecrets(type, resource);
    },
    ...(verdict !== undefined && { verdict }),
  };
  const record = verdict === undefined ? entryOf(resource) : undefined;
  return record ? encodedBy(told, () => encodeOne(type, response, record)) : told;
}
