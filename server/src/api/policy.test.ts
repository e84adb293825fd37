/** Policies: what is denied and what is warned of, in which words, for whom. */
import { Code } from '@connectrpc/connect';
import { VirtualMachineService } from '@limiquantix/proto/compute/v1/vm_service_pb.js';
import { PolicyEffect } from '@limiquantix/proto/identity/v1/policy_pb.js';
import { PolicyService } from '@limiquantix/proto/identity/v1/policy_service_pb.js';
import { ProjectService } from '@limiquantix/proto/identity/v1/project_service_pb.js';
import { StoragePoolService } from '@limiquantix/proto/storage/v1/storage_pool_service_pb.js';
import { admission } from '../decide/admission-table.js';
import { VirtualClock } from '../reconcile/virtual-clock.js';
import { startTestInstallation, type TestInstallation } from './test-installation.js';
import { refusal } from './test-world.js';

let installation: TestInstallation;
beforeEach(async () => {
  const clock = new VirtualClock(Date.UTC(2026, 0, 1));
  installation = await startTestInstallation({ clock, admission });
});
afterEach(() => installation.stop());

interface Given {
  readonly expression: string;
  readonly message?: string;
  readonly path?: string;
  readonly types?: string[];
  readonly effect?: PolicyEffect;
  readonly projectNames?: string[];
}

const policies = () => installation.client(PolicyService);
async function declare({ types = ['vm'], effect, projectNames, ...rule }: Given) {
  const rules = { size: { message: 'is too much', ...rule } };
  const spec = { rules, types, ...(effect && { effect }), ...(projectNames && { projectNames }) };
  const { policy } = await policies().createPolicy({ policy: { name: 'small', spec } });
  return policy?.id ?? '';
}

const machine = (cores: number, more: object = {}) => ({
  vm: { name: 'web', spec: { cpu: { cores }, memory: { sizeMib: 64n } }, ...more },
});
const vms = () => installation.client(VirtualMachineService);

const coresRule = { expression: 'resource.spec.cpu.cores <= 8', path: 'spec.cpu.cores' };

it('denies what breaks a rule, with its words and its field', async () => {
  await declare(coresRule);
  const refused = await refusal(vms().createVirtualMachine(machine(9)));
  expect(refused).toMatchObject({
    code: Code.FailedPrecondition,
    reason: 'POLICY_VIOLATED',
    fields: ['spec.cpu.cores'],
    message: 'spec.cpu.cores is too much (policy small, rule size)',
  });
  const { vm } = await vms().createVirtualMachine(machine(8));
  const change = vms().updateVirtualMachine({
    vm: { id: vm?.id ?? '', spec: { cpu: { cores: 16 }, memory: { sizeMib: 64n } } },
    updateMask: { paths: ['spec.cpu.cores'] },
  });
  expect(await refusal(change)).toMatchObject({ reason: 'POLICY_VIOLATED' });
});

it('compares with what a resource was', async () => {
  await declare({ expression: 'old == null || resource.spec.cpu.cores >= old.spec.cpu.cores' });
  const { vm } = await vms().createVirtualMachine(machine(4));
  const set = (cores: number) =>
    vms().updateVirtualMachine({
      vm: { id: vm?.id ?? '', spec: { cpu: { cores } } },
      updateMask: { paths: ['spec.cpu.cores'] },
    });
  await set(6);
  expect(await refusal(set(5))).toMatchObject({ reason: 'POLICY_VIOLATED' });
});

it('warns in the verdict and the answer, and lets it happen', async () => {
  await declare({ ...coresRule, effect: PolicyEffect.WARN });
  const judged = await vms().createVirtualMachine({ ...machine(9), validateOnly: true });
  const made = await vms().createVirtualMachine(machine(9));
  for (const { verdict } of [judged, made]) {
    // Beside what else a verdict warns of: there are no nodes here.
    const ofFields = verdict?.warnings.filter(({ path }) => path !== 'spec.placement');
    expect(ofFields).toMatchObject([
      { path: 'spec.cpu.cores', message: 'is too much (policy small, rule size)' },
    ]);
  }
  expect(made.vm?.id).not.toBe('');
});

it('judges what a machine makes, too', async () => {
  await declare({ types: ['volume'], expression: 'resource.spec.size_gib <= 10' });
  const { storagePool } = await installation.client(StoragePoolService).createStoragePool({
    storagePool: {
      name: 'local',
      spec: { backend: { case: 'directory', value: { path: '/var/lib/lqx' } } },
    },
  });
  const value = { poolId: storagePool?.id ?? '', sizeGib: 20n };
  const disks = { root: { source: { case: 'volume', value } as const } };
  const spec = { cpu: { cores: 1 }, memory: { sizeMib: 64n }, disks };
  const refused = await refusal(vms().createVirtualMachine({ vm: { name: 'web', spec } }));
  expect(refused).toMatchObject({ reason: 'POLICY_VIOLATED' });
});

it('holds in its projects only, and only while it is enabled', async () => {
  const projects = installation.client(ProjectService);
  await projects.createProject({ project: { name: 'blue', spec: {} } });
  const id = await declare({ ...coresRule, projectNames: ['blue'] });
  await vms().createVirtualMachine(machine(9));
  const inBlue = () => vms().createVirtualMachine(machine(9, { projectId: 'blue' }));
  expect(await refusal(inBlue())).toMatchObject({ reason: 'POLICY_VIOLATED' });
  await policies().updatePolicy({
    policy: { id, spec: { enabled: false } },
    updateMask: { paths: ['spec.enabled'] },
  });
  await inBlue();
});

it('denies where a rule can not be evaluated', async () => {
  await declare({ expression: 'resource.spec.nothing == 1' });
  const refused = await refusal(vms().createVirtualMachine(machine(1)));
  expect(refused).toMatchObject({ reason: 'POLICY_VIOLATED' });
  expect(refused.message).toContain("can't be evaluated");
});

it('refuses what is no CEL', async () => {
  const refused = await refusal(declare({ expression: 'resource.spec.cpu.cores <=' }));
  expect(refused).toMatchObject({
    code: Code.InvalidArgument,
    fields: ['spec.rules["size"].expression'],
  });
});

it('counts what a policy refuses, and not what it would', async () => {
  const id = await declare(coresRule);
  const count = async () => {
    await installation.denials.stop();
    return (await policies().getPolicy({ id })).policy?.status?.deniedCount ?? 0n;
  };
  const denied = { reason: 'POLICY_VIOLATED' };
  const judged = vms().createVirtualMachine({ ...machine(9), validateOnly: true });
  expect(await refusal(judged)).toMatchObject(denied);
  expect(await count()).toBe(0n);
  for (let i = 0; i < 3; i += 1) {
    expect(await refusal(vms().createVirtualMachine(machine(9)))).toMatchObject(denied);
  }
  expect(await count()).toBe(3n);
});

it('bounds what a rule may cost, and denies what is beyond', async () => {
  const list = `[${Array.from({ length: 100 }, (_, i) => i).join(', ')}]`;
  await declare({ expression: `${list}.all(a, ${list}.all(b, ${list}.all(c, a + b + c >= 0)))` });
  const refused = await refusal(vms().createVirtualMachine(machine(1)));
  expect(refused).toMatchObject({ reason: 'POLICY_VIOLATED' });
  expect(refused.message).toContain('it takes more than 10000 steps');
});
