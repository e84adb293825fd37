/**
 * All calls of Terraform's protocol as methods of bytes: decoding by the generated messages, one
 * function for each call. It is loaded when the first call comes that is not about the schema.
 */

import { create, type DescMethod } from '@bufbuild/protobuf';
import { fromBinary, toBinary } from '@limiquantix/proto/binary/codec.js';
import { Provider } from '../../gen/tfplugin6_pb.js';
import type { Method } from '../plugin/grpc-server.js';
import { passingOn, type Tracer } from '../trace/tracer.js';
import { actionRpcs } from './action-rpcs.js';
import { ephemeralRpcs } from './ephemeral-rpcs.js';
import { functionRpcs } from './function-rpcs.js';
import { identityRpcs } from './identity.js';
import { listRpcs } from './list-rpcs.js';
import { type ProviderEffects, providerRpcs } from './provider-rpcs.js';
import { resourceRpcs } from './resource-rpcs.js';
import type { AllRpcs } from './rpc.js';
import type { Session } from './session.js';
import { unsupportedRpcs } from './unsupported-rpcs.js';

/** The methods by name, such as `PlanResourceChange`. */
export function providerService(
  session: Session,
  effects: ProviderEffects & { readonly tracer?: Pick<Tracer, 'answer'> },
): ReadonlyMap<string, Method> {
  const rpcs: AllRpcs = {
    ...unsupportedRpcs(),
    ...resourceRpcs(session),
    ...providerRpcs(session, effects),
    ...functionRpcs(),
    ...ephemeralRpcs(session),
    ...identityRpcs(session),
    ...listRpcs(session),
    ...actionRpcs(session),
  };
  const { tracer = passingOn(undefined) } = effects;
  const methods = new Map<string, Method>();
  for (const method of Provider.methods) {
    const rpc = (rpcs as unknown as Record<string, AnyRpc | undefined>)[method.localName];
    if (rpc !== undefined) methods.set(method.name, bytesMethod(method, rpc, tracer));
  }
  return methods;
}

type AnyRpc = (request: unknown) => unknown;

function bytesMethod(method: DescMethod, rpc: AnyRpc, tracer: Pick<Tracer, 'answer'>): Method {
  const decode = (bytes: Uint8Array): unknown => fromBinary(method.input, bytes);
  const encode = (answer: unknown): Uint8Array =>
    toBinary(method.output, create(method.output, answer as Record<string, unknown>));
  const isStream =
    method.methodKind === 'server_streaming' || method.methodKind === 'bidi_streaming';
  if (!isStream) {
    return {
      kind: 'unary',
      async handle(bytes) {
        const request = decode(bytes);
        const { typeName = '' } = request as { typeName?: string };
        const call = { name: method.name, typeName };
        return encode(await tracer.answer(call, async () => rpc(request)));
      },
    };
  }
  return {
    kind: 'stream',
    async *handle(bytes) {
      for await (const item of rpc(decode(bytes)) as AsyncIterable<unknown>) yield encode(item);
    },
  };
}
