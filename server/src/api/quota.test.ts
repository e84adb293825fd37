/** Quotas and projects: what is refused, in which words, and that nobody gets through between. */
import { Code, ConnectError } from '@connectrpc/connect';
import { VirtualMachineService } from '@limiquantix/proto/compute/v1/vm_service_pb.js';
import type { Quota } from '@limiquantix/proto/identity/v1/project_pb.js';
import { ProjectService } from '@limiquantix/proto/identity/v1/project_service_pb.js';
import { RoleBindingService } from '@limiquantix/proto/identity/v1/role_binding_service_pb.js';
import { RoleService } from '@limiquantix/proto/identity/v1/role_service_pb.js';
import { ShortfallKind } from '@limiquantix/proto/resource/v1/resource_pb.js';
import { VolumeService } from '@limiquantix/proto/storage/v1/volume_service_pb.js';
import { admission } from '../decide/admission-table.js';
import { VirtualClock } from '../reconcile/virtual-clock.js';
import { startTestInstallation, type TestInstallation } from './test-installation.js';
import { makePool, refusal } from './test-world.js';

let installation: TestInstallation;
let poolId = '';
beforeAll(async () => {
  const clock = new VirtualClock(Date.UTC(2026, 0, 1));
  installation = await startTestInstallation({ clock, admission });
  poolId = await makePool(installation, 'local');
});
afterAll(() => installation.stop());

const projects = () => installation.client(ProjectService);
const volumes = () => installation.client(VolumeService);
const vms = () => installation.client(VirtualMachineService);

let count = 0;
async function project(quota: Partial<Omit<Quota, '$typeName' | '$unknown'>> = {}) {
  count += 1;
  const name = `p${count}`;
  const made = await projects().createProject({ project: { name, spec: { quota } } });
  return { name, id: made.project?.id ?? '' };
}

const volume = (projectId: string, name: string, sizeGib = 1n) => ({
  volume: { name, projectId, spec: { poolId, sizeGib } },
});
const machine = (projectId: string, name: string, cores: number, sizeMib = 64n) => ({
  vm: {
    name,
    projectId,
    spec: {
      cpu: { cores },
      memory: { sizeMib },
      disks: {
        root: { source: { case: 'volume', value: { poolId, sizeGib: 10n } } as const },
      },
    },
  },
});
const usage = async (id: string) => (await projects().getProject({ id })).project?.status?.usage;

it('refuses what a project has not enough of, with what is missing and what to do', async () => {
  const { name, id } = await project({ vcpus: 4, memoryMib: 256n, storageGib: 15n });
  await vms().createVirtualMachine(machine(name, 'a', 3));
  expect(await usage(id)).toMatchObject({ vms: 1, vcpus: 3, storageGib: 10n, volumes: 1 });
  const refused = await refusal(vms().createVirtualMachine(machine(name, 'b', 2, 128n)));
  expect(refused).toMatchObject({
    code: Code.ResourceExhausted,
    reason: 'QUOTA_EXCEEDED',
    fields: ['spec.cpu.cores', 'spec.disks'],
    quotas: ['vcpus', 'storage_gib'],
    subject: `project:${name}`,
  });
  expect(refused.message).toContain(
    `project ${name} has 1 of 4 vcpus left, 2 are needed and 1 are missing`,
  );
  expect(refused.message).toContain('5 of 15 storage_gib left');
  expect(refused.message).toContain('spec.quota.vcpus');
  const { vms: found } = await vms().listVirtualMachines({ projectId: name });
  expect(found).toHaveLength(1);
});

it('tells what there is not enough of in a verdict', async () => {
  const { name } = await project({ vms: 0, vcpus: 1 });
  const request = { ...machine(name, 'a', 2), validateOnly: true };
  const { verdict } = await vms().createVirtualMachine(request);
  expect(verdict?.shortfalls).toMatchObject([
    { kind: ShortfallKind.QUOTA, quantity: 'vms', requested: 1n, available: 0n },
    { quantity: 'vcpus', requested: 2n, available: 1n, path: 'spec.cpu.cores' },
  ]);
});

it('lets no two requests take the same room', async () => {
  const { name, id } = await project({ volumes: 5 });
  const work = Array.from({ length: 20 }, (_, i) =>
    volumes()
      .createVolume(volume(name, `v${i}`))
      .then(
        () => 'made',
        (cause: unknown) => ConnectError.from(cause).code,
      ),
  );
  const results = await Promise.all(work);
  expect(results.filter((one) => one === 'made')).toHaveLength(5);
  expect(results.filter((one) => one === Code.ResourceExhausted)).toHaveLength(15);
  expect((await usage(id))?.volumes).toBe(5);
  expect((await volumes().listVolumes({ projectId: name })).volumes).toHaveLength(5);
});

it('counts what a change takes, and lets go on what takes no more', async () => {
  const { name, id } = await project({ storageGib: 10n });
  const { volume: made } = await volumes().createVolume(volume(name, 'v', 6n));
  const volumeId = made?.id ?? '';
  const resize = (sizeGib: bigint) => volumes().resizeVolume({ id: volumeId, sizeGib });
  expect(await refusal(resize(11n))).toMatchObject({
    quotas: ['storage_gib'],
    fields: ['spec.size_gib'],
  });
  await resize(10n);
  expect((await usage(id))?.storageGib).toBe(10n);
  await projects().updateProject({
    project: { id, spec: { quota: { storageGib: 1n } } },
    updateMask: { paths: ['spec.quota'] },
  });
  await volumes().updateVolume({
    volume: { id: volumeId, labels: { still: 'possible' } },
    updateMask: { paths: ['labels'] },
  });
  expect(await refusal(volumes().createVolume(volume(name, 'w')))).toMatchObject({
    quotas: ['storage_gib'],
  });
  await projects().updateProject({
    project: { id, spec: {} },
    updateMask: { paths: ['spec.quota'] },
  });
  await volumes().createVolume(volume(name, 'w'));
});

it('gives room back when a resource is gone', async () => {
  const { name } = await project({ volumes: 1 });
  const { volume: made } = await volumes().createVolume(volume(name, 'v'));
  const id = made?.id ?? '';
  await volumes().deleteVolume({ id });
  expect(await refusal(volumes().createVolume(volume(name, 'w')))).toMatchObject({
    quotas: ['volumes'],
  });
  await installation.writer.finalize({ type: 'volume', id });
  await volumes().createVolume(volume(name, 'w'));
});

it('makes nothing in a project that does not exist', async () => {
  const refused = await refusal(volumes().createVolume(volume('nowhere', 'v')));
  expect(refused).toMatchObject({
    code: Code.InvalidArgument,
    reason: 'PROJECT_NOT_FOUND',
    fields: ['project_id'],
  });
  const { roles } = await installation.client(RoleService).listRoles({});
  const spec = { roleId: roles[0]?.id ?? '', projectName: 'nowhere', users: ['x'] };
  const bound = installation.client(RoleBindingService).createRoleBinding({
    roleBinding: { name: 'x', spec },
  });
  expect(await refusal(bound)).toMatchObject({ fields: ['spec.project_name'] });
});

it('keeps a project, and its name, while something is in it', async () => {
  const { name, id } = await project();
  const { volume: made } = await volumes().createVolume(volume(name, 'v'));
  const rename = () =>
    projects().updateProject({
      project: { id, name: 'renamed' },
      updateMask: { paths: ['name'] },
    });
  for (const refused of [
    await refusal(projects().deleteProject({ id })),
    await refusal(rename()),
  ]) {
    expect(refused).toMatchObject({ code: Code.FailedPrecondition, reason: 'PROJECT_NOT_EMPTY' });
    expect(refused.message).toContain('volume "v"');
  }
  await volumes().deleteVolume({ id: made?.id ?? '' });
  await installation.writer.finalize({ type: 'volume', id: made?.id ?? '' });
  await rename();
  await projects().deleteProject({ id });
  expect(await refusal(volumes().createVolume(volume('renamed', 'v')))).toMatchObject({
    reason: 'PROJECT_NOT_FOUND',
  });
});

it('lets a project go or something come into it, never both', async () => {
  for (let round = 0; round < 10; round += 1) {
    const { name, id } = await project();
    const [made, gone] = await Promise.allSettled([
      volumes().createVolume(volume(name, 'v')),
      projects().deleteProject({ id }),
    ]);
    expect([made.status, gone.status].sort()).toEqual(['fulfilled', 'rejected']);
  }
});

it('keeps the project default', async () => {
  const { projects: found } = await projects().listProjects({ filter: 'name=default' });
  const id = found[0]?.id ?? '';
  expect(await refusal(projects().deleteProject({ id }))).toMatchObject({ reason: 'PROTECTED' });
  const bare = projects().updateProject({
    project: { id, protected: false },
    updateMask: { paths: ['protected'] },
  });
  expect(await refusal(bare)).toMatchObject({ reason: 'BUILT_IN' });
});
