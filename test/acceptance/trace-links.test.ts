/**
 * A trace over processes that are killed on its way: the agent is away when a machine is asked for,
 * and the control plane dies before it comes. What is done later, over certificates and by other
 * processes than were asked, is in the trace of the call all the same.
 */
import type { VirtualMachine } from '@limiquantix/proto/compute/v1/vm_pb.js';
import type { ReadableSpan, SpanExporter } from '@opentelemetry/sdk-trace';
import { startTracing } from '../../server/src/bin/open-telemetry.js';
import { silentLog } from '../../server/src/log.js';
import { isReady } from '../../server/src/resource/conditions.js';
import { contractTypes } from '../../server/src/resource/type-registry.js';
import { passingOn } from '../../server/src/tracing.js';
import { machineOn, makeBase } from '../harness/declared.js';
import { SimulatedHosts } from '../harness/simulated-hosts.js';
import { until } from '../harness/wait.js';

jest.setTimeout(60_000);

const traceId = '4bf92f3577b34da6a3ce929d0e0e4736';
const spanId = '00f067aa0ba902b7';
const deadlineMs = 30_000;

test('what agents and a new control plane do for a change is in its trace', async () => {
  const spans: ReadableSpan[] = [];
  // In the place of one that sends, which loads modules in a way that jest has not.
  const exporter: SpanExporter = {
    export(some, done) {
      spans.push(...some);
      done({ code: 0 });
    },
    shutdown: () => Promise.resolve(),
  };
  const open = (service: string) => startTracing({ service, env: {}, url: '', exporter });
  const [server, agent] = [open('limiquantix-server'), open('limiquantix-agent')];
  const tracing = { server: server.tracing, agent: agent.tracing };
  const hosts = await SimulatedHosts.up({ hosts: 1, random: Math.random, log: silentLog, tracing });
  try {
    const base = await makeBase(hosts.transport);
    const [host = ''] = hosts.world.hosts.map(({ name }) => name);
    await hosts.killAgent(host);
    const client = hosts.clientIn(passingOn(`00-${traceId}-${spanId}-01`));
    await client.create(contractTypes.get('vm'), machineOn(base, 'web'));
    await hosts.killServer();
    await hosts.startServer();
    await hosts.startAgent(host);
    await until('the machine is ready', deadlineMs, async () => {
      const [vm] = await hosts.list<VirtualMachine>('vm');
      return vm !== undefined && isReady(vm) ? true : undefined;
    });
  } finally {
    await hosts.down();
    await Promise.all([server.close(), agent.close()]);
  }
  const trace = spans.filter((span) => span.spanContext().traceId === traceId);
  const of = (service: string): string[] => [
    ...new Set(
      trace
        .filter(({ resource }) => resource.attributes['service.name'] === service)
        .map(({ name }) => name),
    ),
  ];
  const parentOf = (span: ReadableSpan): string => span.parentSpanContext?.spanId ?? '';
  const [call] = trace.filter((span) => parentOf(span) === spanId);
  expect(call?.name).toBe('limiquantix.compute.v1.VirtualMachineService/CreateVirtualMachine');
  expect(of('limiquantix-server')).toEqual(
    expect.arrayContaining(['store commit', 'reconcile vm', 'reconcile port', 'ovsdb transact']),
  );
  expect(of('limiquantix-agent')).toEqual(
    expect.arrayContaining(['reconcile vm', 'apply define', 'libvirt defineXml', 'libvirt create']),
  );
  // Each pass hangs at the call, in whichever process and life it was made.
  const passes = trace.filter(({ name }) => name.startsWith('reconcile '));
  expect(new Set(passes.map(parentOf))).toEqual(new Set([call?.spanContext().spanId]));
  const known = new Set([spanId, ...trace.map((span) => span.spanContext().spanId)]);
  expect(trace.filter((span) => !known.has(parentOf(span)))).toEqual([]);
});
