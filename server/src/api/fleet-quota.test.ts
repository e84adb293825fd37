/** Fleets and quotas: a fleet counts whole from its admission on, and each machine of it once. */
import { Code } from '@connectrpc/connect';
import type { VmFleet } from '@limiquantix/proto/compute/v1/vm_fleet_pb.js';
import { VmFleetService } from '@limiquantix/proto/compute/v1/vm_fleet_service_pb.js';
import { VirtualMachineService } from '@limiquantix/proto/compute/v1/vm_service_pb.js';
import { VmTemplateService } from '@limiquantix/proto/compute/v1/vm_template_service_pb.js';
import { ProjectService } from '@limiquantix/proto/identity/v1/project_service_pb.js';
import { ShortfallKind } from '@limiquantix/proto/resource/v1/resource_pb.js';
import { admission } from '../decide/admission-table.js';
import { templateOf } from '../decide/admit-fleet.js';
import { machinesOf } from '../decide/fleet-machine.js';
import { VirtualClock } from '../reconcile/virtual-clock.js';
import { freshen } from './api-context.js';
import { FleetWriter } from './fleet-writer.js';
import { startTestInstallation, type TestInstallation } from './test-installation.js';
import { makeNode, makePool, refusal } from './test-world.js';

let installation: TestInstallation;
let poolId: string;
beforeEach(async () => {
  const clock = new VirtualClock(Date.UTC(2026, 0, 1));
  installation = await startTestInstallation({ clock, admission });
  const readyOn = [
    await makeNode(installation, 'node-a', 4608n),
    await makeNode(installation, 'node-b', 4608n),
  ];
  const totalBytes = 100n * 1024n ** 3n;
  poolId = await makePool(installation, 'ssd', { totalBytes, readyOn });
  const quota = { vms: 5, vcpus: 6, memoryMib: 2560n, volumes: 5, storageGib: 50n };
  await installation
    .client(ProjectService)
    .createProject({ project: { name: 'team', spec: { quota } } });
});
afterEach(() => installation.stop());

const fleets = () => installation.client(VmFleetService);
const projectId = 'team';
const usage = async () => {
  const { projects } = await installation.client(ProjectService).listProjects({});
  return projects.find(({ name }) => name === projectId)?.status?.usage;
};
const blueprint = (cores: number, sizeMib = 512n) => ({
  cpu: { cores },
  memory: { sizeMib },
  disks: {
    root: { source: { case: 'volume', value: { poolId, sizeGib: 10n } } as const },
  },
});
const fleet = (replicas: number, cores = 1) => ({
  name: 'web',
  projectId,
  spec: { replicas, template: { case: 'vm', value: blueprint(cores) } as const },
});

/** Makes the fleet's next machines, as its driver would. */
async function makeMachines(id: string, indexes: readonly number[]): Promise<void> {
  const { context } = installation;
  await freshen(context);
  const current = context.view.get<VmFleet>('vm_fleet', id);
  if (current === undefined) throw new Error('there is no such fleet');
  const template = templateOf(current, { lookup: context.view });
  const machineOf = machinesOf({ fleet: current, template, validate: context.validate });
  const make = indexes.map((index) => ({
    index,
    id: context.newId(),
    wanted: machineOf(index),
    nodeId: current.status?.reservations[String(index)]?.nodeId ?? '',
    reasons: [],
  }));
  await new FleetWriter(context).write(current, { make, change: [] });
}

const idOf = ({ vmFleet }: { vmFleet?: VmFleet | undefined }): string => vmFleet?.id ?? '';

test('a fleet over its quota is refused as a whole, in the plan and at apply', async () => {
  const { verdict } = await fleets().createVmFleet({ vmFleet: fleet(7), validateOnly: true });
  expect(verdict?.shortfalls).toMatchObject([
    { kind: ShortfallKind.QUOTA, quantity: 'vms', requested: 7n, path: 'spec.replicas' },
    { quantity: 'vcpus' },
    { quantity: 'memory_mib' },
    { quantity: 'volumes' },
    { quantity: 'storage_gib', requested: 70n, available: 50n },
  ]);
  const refused = await refusal(fleets().createVmFleet({ vmFleet: fleet(7) }));
  expect(refused).toMatchObject({
    code: Code.ResourceExhausted,
    reason: 'QUOTA_EXCEEDED',
    quotas: ['vms', 'vcpus', 'memory_mib', 'volumes', 'storage_gib'],
    subject: 'project:team',
  });
  expect((await fleets().listVmFleets({})).vmFleets).toEqual([]);
});

test('a fleet counts from its admission on, and its machines are not counted twice', async () => {
  const whole = { vms: 5, vcpus: 5, memoryMib: 2560n, volumes: 5, storageGib: 50n };
  const id = idOf(await fleets().createVmFleet({ vmFleet: fleet(5) }));
  expect(await usage()).toMatchObject(whole);
  const vm = { name: 'other', projectId, spec: { ...blueprint(1), disks: {} } };
  const other = installation.client(VirtualMachineService).createVirtualMachine({ vm });
  expect(await refusal(other)).toMatchObject({ quotas: ['vms', 'memory_mib'] });
  for (const indexes of [[0], [1, 2], [3, 4]]) {
    await makeMachines(id, indexes);
    expect(await usage()).toMatchObject(whole);
  }
  const { vms } = await installation.client(VirtualMachineService).listVirtualMachines({});
  expect(vms).toHaveLength(5);
});

test('what its machines will grow by is judged with its change', async () => {
  const id = idOf(await fleets().createVmFleet({ vmFleet: fleet(4) }));
  await makeMachines(id, [0, 1, 2]);
  const change = (replicas: number, cores: number) =>
    fleets().updateVmFleet({
      vmFleet: { ...fleet(replicas, cores), id },
      updateMask: { paths: ['spec.replicas', 'spec.vm'] },
    });
  const refused = await refusal(change(4, 2));
  expect(refused).toMatchObject({ quotas: ['vcpus'], fields: ['spec.replicas'] });
  expect(refused.message).toContain('has 2 of 6 vcpus left, 4 are needed and 2 are missing');
  await change(3, 2);
  expect(await usage()).toMatchObject({ vms: 3, vcpus: 3 });
});

test('gives back what it never made when it goes', async () => {
  const id = idOf(await fleets().createVmFleet({ vmFleet: fleet(5) }));
  await fleets().deleteVmFleet({ id });
  await fleets().createVmFleet({ vmFleet: { ...fleet(5), name: 'next' } });
});

test('its disks count against the room of their pool', async () => {
  const replicas = 4;
  const value = {
    ...blueprint(1),
    disks: { root: { source: { case: 'volume', value: { poolId, sizeGib: 200n } } as const } },
  };
  const vmFleet = { name: 'web', spec: { replicas, template: { case: 'vm', value } as const } };
  const { verdict } = await fleets().createVmFleet({ vmFleet, validateOnly: true });
  expect(verdict?.shortfalls).toMatchObject([
    { quantity: 'storage_gib', requested: 800n, available: 400n, path: 'spec.replicas' },
  ]);
});

test('a template is judged by the room and the quota of the fleets that follow it', async () => {
  const templates = installation.client(VmTemplateService);
  const template = (cores: number, sizeMib: bigint) => ({
    name: 'small',
    projectId,
    spec: { vm: { ...blueprint(cores, sizeMib), disks: {} } },
  });
  const { vmTemplate } = await templates.createVmTemplate({ vmTemplate: template(1, 512n) });
  const templateId = vmTemplate?.id ?? '';
  const spec = { replicas: 4, template: { case: 'templateId', value: templateId } as const };
  const vmFleet = { name: 'web', projectId, spec };
  const id = idOf(await fleets().createVmFleet({ vmFleet }));
  await makeMachines(id, [0, 1, 2, 3]);
  /** What is said of the template, and then of the fleet, in one plan. */
  let plans = 0;
  const judge = async (cores: number, sizeMib: bigint) => {
    plans += 1;
    const inPlan = { validateOnly: true, planId: `p${plans}` };
    const ofTemplate = await templates.updateVmTemplate({
      vmTemplate: { ...template(cores, sizeMib), id: templateId },
      updateMask: { paths: ['spec.vm'] },
      ...inPlan,
    });
    const ofFleet = await fleets().updateVmFleet({
      vmFleet: { ...vmFleet, id },
      updateMask: { paths: ['spec.template_id'] },
      ...inPlan,
    });
    expect(ofTemplate.verdict?.shortfalls).toEqual([]);
    const warnings = ofTemplate.verdict?.warnings.map(({ message }) => message) ?? [];
    return { warnings: warnings.join('; '), lacks: ofFleet.verdict?.shortfalls };
  };
  expect(await judge(1, 512n)).toEqual({ warnings: '', lacks: [] });
  const path = 'spec.template_id';
  expect(await judge(2, 512n)).toMatchObject({
    warnings: expect.stringContaining('as the fleets that follow it are now, project team has 2'),
    lacks: [{ kind: ShortfallKind.QUOTA, quantity: 'vcpus', requested: 4n, available: 2n, path }],
  });
  expect(await judge(1, 2560n)).toMatchObject({
    warnings: expect.stringContaining('machines of web would outgrow their nodes: node-a has 3072'),
    lacks: [
      { kind: ShortfallKind.CAPACITY, quantity: 'memory_mib', requested: 4096n, available: 3072n },
      { kind: ShortfallKind.QUOTA, quantity: 'memory_mib', requested: 8192n, path },
    ],
  });
  // One that is paused follows when it goes on.
  await fleets().updateVmFleet({
    vmFleet: { id, spec: { rollout: { paused: true } } },
    updateMask: { paths: ['spec.rollout'] },
  });
  expect(await judge(2, 2560n)).toEqual({ warnings: '', lacks: [] });
});

test("a template that its fleets can't follow says which and why", async () => {
  const templates = installation.client(VmTemplateService);
  const vm = { ...blueprint(1), disks: {} };
  const { vmTemplate } = await templates.createVmTemplate({
    vmTemplate: { name: 'small', projectId, spec: { vm } },
  });
  const id = vmTemplate?.id ?? '';
  const spec = { replicas: 1, template: { case: 'templateId', value: id } as const };
  await fleets().createVmFleet({ vmFleet: { name: 'web', projectId, spec } });
  const { verdict } = await templates.updateVmTemplate({
    vmTemplate: { id, spec: { parameters: { zone: {} } } },
    updateMask: { paths: ['spec.parameters'] },
    validateOnly: true,
  });
  expect(verdict?.warnings).toMatchObject([
    { path: 'spec.parameters', message: expect.stringContaining("fleet web can't follow: ") },
  ]);
});
