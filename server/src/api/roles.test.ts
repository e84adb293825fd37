/** What roles give and what they don't, beside what each method needs. */
import { Code } from '@connectrpc/connect';
import { VirtualMachineService } from '@limiquantix/proto/compute/v1/vm_service_pb.js';
import { RoleBindingService } from '@limiquantix/proto/identity/v1/role_binding_service_pb.js';
import { RoleService } from '@limiquantix/proto/identity/v1/role_service_pb.js';
import { ServiceAccountService } from '@limiquantix/proto/identity/v1/service_account_service_pb.js';
import { VirtualNetworkService } from '@limiquantix/proto/network/v1/network_service_pb.js';
import { PortService } from '@limiquantix/proto/network/v1/port_service_pb.js';
import { VolumeService } from '@limiquantix/proto/storage/v1/volume_service_pb.js';
import { VirtualClock } from '../reconcile/virtual-clock.js';
import { contractTypes } from '../resource/type-registry.js';
import { type AccessWorld, createAccessWorld } from './test-access.js';
import { startTestInstallation, type TestInstallation } from './test-installation.js';
import { refusal } from './test-world.js';

const absent = '00000000-0000-7000-8000-000000000000';

let installation: TestInstallation;
let world: AccessWorld;
beforeAll(async () => {
  installation = await startTestInstallation({ clock: new VirtualClock(Date.UTC(2026, 0, 1)) });
  world = await createAccessWorld(installation);
});
afterAll(() => installation.stop());

const as = (name: string) => ({ token: world.tokens.get(name) });

it('takes a role that is bound everywhere for all projects', async () => {
  await world.bind('viewer', 'auditor');
  const token = await world.tokenFor('auditor');
  const { vms } = await installation
    .client(VirtualMachineService, { token })
    .listVirtualMachines({});
  expect(new Set(vms.map(({ projectId }) => projectId))).toEqual(new Set(['blue', 'red']));
  const own = await installation
    .client(RoleService, { token })
    .testPermissions({ permissions: ['vm.get', 'vm.create'] });
  expect(own.permissions).toEqual(['vm.get']);
});

it('tells callers what they may do', async () => {
  const service = installation.client(RoleService, as('operator'));
  const { permissions } = await service.testPermissions({ projectName: 'blue' });
  expect(permissions).toEqual(expect.arrayContaining(['vm.start', 'volume.get']));
  expect(permissions).not.toContain('vm.create');
  expect((await service.testPermissions({ projectName: 'red' })).permissions).toEqual([]);
});

it('does not let anybody give more than they have', async () => {
  const bindings = installation.client(RoleBindingService, as('admin'));
  const service = installation.client(RoleService);
  const { roles: found } = await service.listRoles({ filter: 'name=admin' });
  const roleId = found[0]?.id ?? '';
  const spec = { roleId, users: ['friend'], projectName: 'blue' };
  await bindings.createRoleBinding({ roleBinding: { name: 'friend', spec } });
  const { role } = await service.createRole({
    role: {
      name: 'binder',
      spec: { permissions: ['role_binding.*', 'role_binding.get', '*.get'] },
    },
  });
  await world.bind(role?.name ?? '', 'binder', 'blue');
  const token = await world.tokenFor('binder');
  const refused = await refusal(
    installation.client(RoleBindingService, { token }).createRoleBinding({
      roleBinding: { name: 'self', spec: { ...spec, users: ['binder'] } },
    }),
  );
  expect(refused).toMatchObject({ code: Code.PermissionDenied, reason: 'ESCALATION' });
  expect(refused.message).toContain('*.*');
});

it('does not let built-in roles be changed or removed', async () => {
  const service = installation.client(RoleService);
  const { roles: found } = await service.listRoles({ filter: 'name=viewer' });
  const id = found[0]?.id ?? '';
  expect(found[0]?.status?.builtIn).toBe(true);
  expect(await refusal(service.deleteRole({ id }))).toMatchObject({ reason: 'PROTECTED' });
});

it('takes what may not be read for absent where a spec refers to it', async () => {
  const { network } = await installation.client(VirtualNetworkService).createVirtualNetwork({
    network: { name: 'lan', projectId: 'red', spec: { ipv4: { cidr: '10.1.0.0/24' } } },
  });
  const refused = await Promise.all(
    [network?.id ?? '', absent].map(async (networkId) => {
      const port = { name: 'p', projectId: 'blue', spec: { networkId } };
      const result = await refusal(
        installation.client(PortService, as('editor')).createPort({ port }),
      );
      return { ...result, message: result.message.replaceAll(networkId, 'X') };
    }),
  );
  expect(refused[0]).toEqual(refused[1]);
  expect(refused[0]?.message).toMatch(/doesn't exist or may not be read by you/);
});

it('ends a watch when the role that it needs is taken away', async () => {
  const id = await world.bind('viewer', 'guest', 'blue');
  const token = await world.tokenFor('guest');
  const volumes = installation.client(VolumeService);
  const watch = async () => {
    for await (const event of installation.client(VolumeService, { token }).watchVolumes({})) {
      if (event.volume !== undefined) continue;
      await installation.client(RoleBindingService).deleteRoleBinding({ id });
      await world.put(contractTypes.get('volume'), 'green');
    }
  };
  expect(await refusal(watch())).toMatchObject({ code: Code.Aborted, reason: 'ACCESS_CHANGED' });
  expect((await installation.client(VolumeService, { token }).listVolumes({})).volumes).toEqual([]);
  expect((await volumes.listVolumes({})).volumes.length).toBeGreaterThan(0);
});

it('refuses the token of a service account that is disabled', async () => {
  const accounts = installation.client(ServiceAccountService);
  const { serviceAccount } = await accounts.createServiceAccount({
    serviceAccount: { name: 'ci', projectId: 'blue', spec: {} },
  });
  const id = serviceAccount?.id ?? '';
  const { token } = await installation.tokens.createApiToken({
    name: 'ci',
    expiresInSeconds: 0,
    member: { kind: 'service-account', id },
  });
  const { volumes } = await installation.client(VolumeService, { token }).listVolumes({});
  expect(volumes).toEqual([]);
  await accounts.updateServiceAccount({
    serviceAccount: { id, spec: { enabled: false } },
    updateMask: { paths: ['spec.enabled'] },
  });
  const refused = await refusal(installation.client(VolumeService, { token }).listVolumes({}));
  expect(refused).toMatchObject({ code: Code.Unauthenticated, reason: 'ACCOUNT_DISABLED' });
});
