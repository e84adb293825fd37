import { create, toBinary } from '@bufbuild/protobuf';
import { Provider } from '../../gen/tfplugin6_pb.js';
import { memoryFiles } from '../engine/engine-testing.js';
import { providerMethods } from './methods.js';
import { providerService } from './provider-service.js';
import { Session } from './session.js';

function startService() {
  const session = new Session({
    files: memoryFiles({}),
    newRequestId: () => 'r',
    nowMs: () => 0,
    sleep: () => Promise.resolve(),
  });
  return providerService(session, {
    connect: () => Promise.reject(new Error('not in this test')),
    stop: () => undefined,
  });
}

test('every call of the protocol is answered, and in its own way', () => {
  const service = startService();
  const table = providerMethods({
    schema: async () => new Uint8Array(),
    service: async () => service,
  });
  for (const method of Provider.methods) {
    const isStream = method.methodKind === 'server_streaming';
    expect([method.name, table.get(`/tfplugin6.Provider/${method.name}`)?.kind]).toEqual([
      method.name,
      isStream ? 'stream' : 'unary',
    ]);
    if (method.name === 'GetProviderSchema') continue;
    expect([method.name, service.has(method.name)]).toEqual([method.name, true]);
  }
});

test('no call of what there is not breaks the provider', async () => {
  const service = startService();
  for (const method of Provider.methods) {
    const served = service.get(method.name);
    if (served === undefined) continue;
    const request = toBinary(method.input, create(method.input));
    if (served.kind === 'unary') await served.handle(request);
    if (served.kind === 'stream') for await (const _ of served.handle(request));
  }
});
