/** Audit events: which calls leave one, what is in it, and how many are kept. */
import { Code, ConnectError } from '@connectrpc/connect';
import { VirtualMachineService } from '@limiquantix/proto/compute/v1/vm_service_pb.js';
import type { AuditEvent } from '@limiquantix/proto/identity/v1/audit_event_pb.js';
import { AuditEventService } from '@limiquantix/proto/identity/v1/audit_event_service_pb.js';
import { TokenService } from '@limiquantix/proto/identity/v1/token_service_pb.js';
import { SecurityGroupService } from '@limiquantix/proto/network/v1/security_group_service_pb.js';
import { VolumeService } from '@limiquantix/proto/storage/v1/volume_service_pb.js';
import { VirtualClock } from '../reconcile/virtual-clock.js';
import { contractTypes } from '../resource/type-registry.js';
import { auditEventsMax } from './audit.js';
import { type AccessWorld, createAccessWorld } from './test-access.js';
import { startTestInstallation, type TestInstallation } from './test-installation.js';

const clock = new VirtualClock(Date.UTC(2026, 0, 1));
let installation: TestInstallation;
let world: AccessWorld;
/** A machine in red that can be started. */
let realId = '';
beforeAll(async () => {
  installation = await startTestInstallation({ clock });
  world = await createAccessWorld(installation);
  const spec = { cpu: { cores: 1 }, memory: { sizeMib: 64n } };
  const { vm } = await installation.client(VirtualMachineService).createVirtualMachine({
    vm: { name: 'real', projectId: 'red', spec },
  });
  realId = vm?.id ?? '';
});
afterAll(() => installation.stop());

const as = (name: string) => ({ token: world.tokens.get(name) });
const vmId = (project: string) => world.ids.get(`vm ${project}`) ?? '';

const start = (requestId: string) =>
  installation.client(VirtualMachineService).startVirtualMachine({ id: realId, requestId });

/** The events since the last time, oldest first. */
let seen = new Set<string>();
async function news(): Promise<AuditEvent['spec'][]> {
  clock.advance(1_000);
  await installation.audit.stop();
  const { auditEvents } = await installation
    .client(AuditEventService)
    .listAuditEvents({ pageSize: 1000 });
  const fresh = auditEvents.filter(({ id }) => !seen.has(id));
  seen = new Set(auditEvents.map(({ id }) => id));
  return fresh.map(({ spec }) => spec);
}

beforeEach(async () => {
  await news();
});

it('tells of a write who did what, by paths and without values', async () => {
  const groups = installation.client(SecurityGroupService, as('editor'));
  const id = world.ids.get('security_group blue') ?? '';
  await groups.updateSecurityGroup({
    securityGroup: { id, description: 'planted-value', labels: { a: 'b' } },
    updateMask: { paths: ['description', 'labels'] },
  });
  await start('again-1');
  expect(await news()).toMatchObject([
    {
      actor: 'user:editor',
      method: 'UpdateSecurityGroup',
      permission: 'security_group.update',
      resourceType: 'security_group',
      resourceId: id,
      resourceName: 'security-group-blue',
      outcome: 'ok',
      changedPaths: ['labels["a"]', 'description'],
    },
    {
      actor: 'user:tester',
      method: 'StartVirtualMachine',
      resourceType: 'vm',
      resourceId: realId,
      requestId: 'again-1',
      outcome: 'ok',
    },
  ]);
  const { entries } = await installation.context.store.list({
    prefix: 'r/audit_event/',
    limit: 1000,
  });
  for (const { value } of entries) {
    expect(Buffer.from(value).includes('planted-value')).toBe(false);
  }
});

it('tells of refused calls, also where the answer does not', async () => {
  const vms = installation.client(VirtualMachineService, as('viewer'));
  const codes = [
    vms.startVirtualMachine({ id: vmId('blue') }),
    vms.getVirtualMachine({ id: vmId('red') }),
    vms.createVirtualMachine({ vm: { name: 'x', projectId: 'red', spec: {} } }),
  ].map((call) =>
    call.then(
      () => 'ok',
      (cause: unknown) => Code[ConnectError.from(cause).code],
    ),
  );
  expect(await Promise.all(codes)).toEqual(['PermissionDenied', 'NotFound', 'PermissionDenied']);
  const told = (await news()).map((spec) => [spec?.method, spec?.outcome, spec?.resourceId]);
  expect(told.sort()).toEqual([
    ['CreateVirtualMachine', 'permission_denied', ''],
    ['GetVirtualMachine', 'not_found', vmId('red')],
    ['StartVirtualMachine', 'permission_denied', vmId('blue')],
  ]);
});

it('tells of tokens that are made and revoked', async () => {
  const tokens = installation.client(TokenService);
  const { id } = await tokens.issueUserToken({ name: 'someone' });
  await tokens.revokeToken({ id });
  expect((await news()).map((spec) => spec?.method)).toEqual(['IssueUserToken', 'RevokeToken']);
});

it('tells nothing of reads, and of what was only to be judged', async () => {
  await installation.client(VolumeService).listVolumes({});
  await installation.client(VolumeService).deleteVolume({
    id: world.ids.get('volume red') ?? '',
    validateOnly: true,
  });
  expect(await news()).toEqual([]);
});

it('is shown to who may read it in the project', async () => {
  await start('again-2');
  await news();
  const { auditEvents } = await installation
    .client(AuditEventService, as('viewer'))
    .listAuditEvents({});
  expect(new Set(auditEvents.map(({ projectId }) => projectId))).toEqual(new Set(['blue']));
});

it('is forgotten by age, and refusals do not wash away what was done', async () => {
  const { audit, context } = installation;
  const count = () => context.view.list<AuditEvent>('audit_event');
  const kept = count().filter(({ spec }) => spec?.outcome === 'ok').length;
  const author = {
    actor: 'user:mallory',
    method: 'X',
    permission: 'x.y',
    requestId: '',
    source: '',
    traceparent: '',
  };
  for (let i = 0; i < auditEventsMax / 2 + 10; i += 1) {
    audit.record(author, Code.PermissionDenied);
    if (i % 500 === 0) await audit.stop();
  }
  await audit.stop();
  await audit.forget();
  await news();
  const after = count();
  expect(after.filter(({ spec }) => spec?.outcome === 'ok')).toHaveLength(kept);
  expect(after.length - kept).toBe(auditEventsMax / 2);
  clock.advance(91 * 24 * 60 * 60 * 1000);
  await audit.forget();
  await context.view.settled(await context.store.revision());
  expect(count()).toEqual([]);
}, 120_000);

it('is of a type that nobody can write', () => {
  expect(contractTypes.get('audit_event').methods.write).toBeUndefined();
});
