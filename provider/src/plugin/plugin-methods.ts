/** The services that go-plugin expects of every plugin, beside the plugin's own. */
import type { Method } from './grpc-server.js';

/** Their methods by path; `shutdown` is called once the answer to a request for the end is out. */
export function pluginMethods(shutdown: () => void): [string, Method][] {
  const empty = new Uint8Array();
  // grpc.health.v1.HealthCheckResponse with status = SERVING.
  const serving = new Uint8Array([0x08, 0x01]);
  const handleShutdown = (): Uint8Array => {
    // After the answer is out; Terraform waits for the process itself to end.
    setImmediate(() => setImmediate(shutdown));
    return empty;
  };
  return [
    ['/plugin.GRPCController/Shutdown', { kind: 'unary', handle: handleShutdown }],
    ['/plugin.GRPCStdio/StreamStdio', { kind: 'idle' }],
    ['/plugin.GRPCBroker/StartStream', { kind: 'idle' }],
    ['/grpc.health.v1.Health/Check', { kind: 'unary', handle: () => serving }],
  ];
}
