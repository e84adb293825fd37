/**
 * All custom methods of the resource services, and how they are served: beside the standard
 * methods, checked against the contract's rules like them.
 */
import type { DescMethod, DescService, Message } from '@bufbuild/protobuf';
import type { HandlerContext, ServiceImpl } from '@connectrpc/connect';
import type { ApiContext } from '../api-context.js';
import { contextOf } from '../caller.js';
import { type CustomCall, type CustomMethod, notSupported } from './custom-method.js';
import { eventMethods } from './events.js';
import { networkMethods } from './network.js';
import { nodeMethods } from './node.js';
import { operationMethods } from './operations.js';
import { copyMethods } from './snapshots.js';
import { storageMethods } from './storage.js';
import { unsupportedMethods } from './unsupported.js';
import { vmEditMethods, vmPowerMethods } from './vm.js';

/** Makes the table: one row for each custom method. */
export function customMethods(): readonly CustomMethod[] {
  return [
    ...vmPowerMethods,
    ...vmEditMethods,
    ...copyMethods,
    ...nodeMethods,
    ...networkMethods,
    ...eventMethods,
    ...storageMethods,
    ...operationMethods(),
    ...unsupportedMethods,
  ];
}

/** The handlers of a service's custom methods. */
export function customHandlers(
  context: ApiContext,
  service: DescService,
  table: readonly CustomMethod[],
): Partial<ServiceImpl<DescService>> {
  const own = table.filter(({ method }) => method.parent.typeName === service.typeName);
  const handlers = own.map((custom) => [custom.method.localName, handlerOf(context, custom)]);
  return Object.fromEntries(handlers) as Partial<ServiceImpl<DescService>>;
}

function handlerOf(context: ApiContext, { method, serve, missing = '' }: CustomMethod) {
  if (serve === undefined) return refusing(method, missing);
  return (request: Message, call: HandlerContext): Promise<unknown> => {
    context.validate(method.input, request);
    const given: CustomCall = { context: contextOf(context, call), request, call };
    return serve(given);
  };
}

/** A stream's handler answers with an iterable, even if it only refuses. */
function refusing(method: DescMethod, missing: string) {
  const refuse = async (): Promise<never> => {
    throw notSupported(method, missing);
  };
  if (method.methodKind === 'unary') return refuse;
  return () => ({ [Symbol.asyncIterator]: () => ({ next: refuse }) });
}
