/**
 * A change followed from Terraform's call to the hypervisor's, as a collector sees it: one trace
 * over the provider, the control plane and the agents of simulated hosts; and what happens of it
 * where nobody records, or only some do.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { AuditEvent } from '@limiquantix/proto/identity/v1/audit_event_pb.js';
import { base, machine, template } from '../harness/configuration.js';
import { drawTrace, OtlpReceiver, type ReceivedSpan } from '../harness/otlp-receiver.js';
import { SimulatedInstallation } from '../harness/simulated-installation.js';
import type { Terraform } from '../harness/terraform.js';
import { until } from '../harness/wait.js';

jest.setTimeout(240_000);

const traceId = '4bf92f3577b34da6a3ce929d0e0e4736';
const spanId = '00f067aa0ba902b7';
const traceparent = `00-${traceId}-${spanId}-01`;
const waitMs = 20_000;

let receiver: OtlpReceiver;
let installation: SimulatedInstallation;
let terraform: Terraform;

beforeAll(async () => {
  receiver = await OtlpReceiver.start();
});
afterAll(() => receiver.stop());
beforeEach(() => receiver.spans.splice(0));

const words = { user: 'w0rd-in-user-data', vnc: 'vnc-w0rd' };
const web = (memoryMib: number): string =>
  machine({
    name: 'web',
    memoryMib,
    attributes: `
  display      = { vnc = { password_wo = "${words.vnc}", password_wo_version = 1 } }
  provisioning = { cloud_init = { user_data = "#cloud-config\\n# ${words.user}\\n" } }`,
  });

async function up(args: readonly string[], environment: Record<string, string>): Promise<void> {
  installation = await SimulatedInstallation.up(1, args);
  terraform = await installation.terraform(base + web(64));
  terraform.setEnvironment(environment);
}

const traced = (): Record<string, string> => ({ OTEL_EXPORTER_OTLP_ENDPOINT: receiver.endpoint });

/** The trace that a change of the machine belongs to, when all is told of it that names say. */
function traceOf(
  call: string,
  names: readonly string[],
  resource = 'web',
): Promise<readonly ReceivedSpan[]> {
  return until(`a trace of ${call} has ${names.join(', ')}`, waitMs, () => {
    const first = receiver.spans.find(
      ({ name, facts }) =>
        name.endsWith(`/${call}`) && facts['limiquantix.resource.name'] === resource,
    );
    const trace = receiver.spans.filter((span) => span.traceId === first?.traceId);
    const has = (name: string): boolean => trace.some((span) => span.name === name);
    return Promise.resolve(names.every(has) ? trace : undefined);
  });
}

/** The names from the first span of a trace down to one. */
function wayTo(trace: readonly ReceivedSpan[], name: string): string[] {
  const way: string[] = [];
  let span = trace.find((one) => one.name === name);
  for (; span !== undefined; span = trace.find((one) => one.spanId === span?.parentId)) {
    way.unshift(span.name);
  }
  return way;
}

/** A fleet of two, whose machines are made by the control plane. */
const fleet = `
${template({ name: 'worker', memoryMib: 64 })}
resource "limiquantix_vm_fleet" "workers" {
  name        = "workers"
  replicas    = 2
  template_id = limiquantix_vm_template.worker.id
}
`;

const create = 'limiquantix.compute.v1.VirtualMachineService/CreateVirtualMachine';

describe('where provider and control plane record', () => {
  beforeAll(() => up(['--otlp-endpoint', receiver.endpoint], traced()));
  afterAll(() => installation.down());

  test('an apply is one trace from the provider to libvirt, with no secret in it', async () => {
    await terraform.apply();
    const names = ['libvirt create', 'disk clone', 'ovsdb transact'];
    const trace = await traceOf('CreateVirtualMachine', names);
    if (process.env['SHOW'] !== undefined) process.stdout.write(`${drawTrace(trace)}\n`);
    const [first, ...more] = trace.filter(({ parentId }) => parentId === '');
    expect(more).toEqual([]);
    expect(first).toMatchObject({
      service: 'terraform-provider-limiquantix',
      name: 'ApplyResourceChange',
      facts: { 'terraform.type': 'limiquantix_vm' },
    });
    const toServer = ['ApplyResourceChange', create, create];
    expect(wayTo(trace, 'store commit')).toEqual([...toServer, 'store commit']);
    const toAgent = [...toServer, 'reconcile vm', 'apply define'];
    expect(wayTo(trace, 'libvirt defineXml')).toEqual([...toAgent, 'libvirt defineXml']);
    const toDisk = [...toServer, 'reconcile volume', 'apply clone'];
    expect(wayTo(trace, 'disk clone')).toEqual([...toDisk, 'disk clone']);
    const toPort = [...toServer, 'reconcile port'];
    expect(wayTo(trace, 'ovsdb transact').slice(0, toPort.length)).toEqual(toPort);
    for (const span of trace) {
      const parent = trace.find((one) => one.spanId === span.parentId);
      expect(span.endedNs).toBeGreaterThanOrEqual(span.beganNs);
      if (parent !== undefined && parent.service === span.service) {
        expect(span.beganNs).toBeGreaterThanOrEqual(parent.beganNs);
      }
    }
    const token = (
      JSON.parse(readFileSync(installation.controlPlane.profile, 'utf8')) as { token: string }
    ).token;
    expect([words.user, words.vnc, token].filter((word) => receiver.text.includes(word))).toEqual(
      [],
    );
  });

  test('what the control plane does for a fleet is in the trace of its apply, and streams say why they ended', async () => {
    terraform.write('main.tf', base + web(64) + fleet);
    await terraform.apply();
    const trace = await traceOf('CreateVmFleet', ['libvirt create', 'disk clone'], 'workers');
    const call = 'limiquantix.compute.v1.VmFleetService/CreateVmFleet';
    const toServer = ['ApplyResourceChange', call, call];
    expect(wayTo(trace, 'libvirt defineXml').slice(0, 4)).toEqual([...toServer, 'reconcile vm']);
    expect(wayTo(trace, 'disk clone').slice(0, 4)).toEqual([...toServer, 'reconcile volume']);
    const made = trace.filter(({ name }) => name === 'libvirt defineXml');
    expect(made).toHaveLength(2);
    const watch = await until('the watch of the apply is told', waitMs, async () =>
      receiver.spans.find(({ name }) => name.endsWith('/WatchVmFleets')),
    );
    expect(watch.facts['limiquantix.stream.end']).toBe('client gone');
  });

  test('what Terraform and the command line were started in is gone on with', async () => {
    terraform.setEnvironment({ TRACEPARENT: traceparent });
    const other = machine({ name: 'other', memoryMib: 64 });
    terraform.write('main.tf', base + web(64) + fleet + other);
    await terraform.apply();
    const trace = await traceOf('CreateVirtualMachine', ['libvirt create'], 'other');
    expect(trace[0]?.traceId).toBe(traceId);
    const outer = trace.filter(({ parentId }) => parentId === spanId);
    expect(new Set(outer.map(({ service }) => service))).toEqual(
      new Set(['terraform-provider-limiquantix']),
    );
    receiver.spans.length = 0;
    await installation.commandIn(traced(), 'vm', 'stop', 'other', '--force');
    const stop = await traceOf('StopVirtualMachine', ['libvirt destroy'], 'other');
    expect(wayTo(stop, 'libvirt destroy').slice(0, 4)).toEqual([
      'limiquantix vm',
      'limiquantix.compute.v1.VirtualMachineService/StopVirtualMachine',
      'limiquantix.compute.v1.VirtualMachineService/StopVirtualMachine',
      'reconcile vm',
    ]);
  });
});

describe('where nobody records', () => {
  beforeAll(async () => {
    await up(['--log-level', 'debug'], {});
    receiver.spans.length = 0;
  });
  afterAll(() => installation.down());

  test('a trace is passed on to the records and the log, and none is made up', async () => {
    await terraform.apply();
    const events = async () => installation.list<AuditEvent>('audit_event');
    expect((await events()).map(({ spec }) => spec?.traceparent)).toEqual(
      (await events()).map(() => ''),
    );
    terraform.setEnvironment({ TRACEPARENT: traceparent });
    terraform.write('main.tf', base + web(128));
    await terraform.apply();
    const updated = (await events()).find(({ spec }) => spec?.method === 'UpdateVirtualMachine');
    expect(updated?.spec?.traceparent).toBe(traceparent);
    const log = readFileSync(join(installation.controlPlane.log), 'utf8');
    const lines = log
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    const about = { name: 'web', type: 'vm', id: updated?.spec?.resourceId, traceId };
    expect(lines).toContainEqual(
      expect.objectContaining({
        ...about,
        level: 'info',
        msg: 'a call was answered',
        method: 'limiquantix.compute.v1.VirtualMachineService/UpdateVirtualMachine',
        requestId: expect.stringMatching(/^[0-9a-f]{12}-\d+$/),
        actor: 'user:admin',
      }),
    );
    // By the agent's loop, which the trace reached with the change.
    expect(lines).toContainEqual(
      expect.objectContaining({
        ...about,
        msg: 'reconciling',
        actions: expect.arrayContaining(['define']),
      }),
    );
    expect(receiver.spans).toEqual([]);
  });
});
