import { Code } from '@connectrpc/connect';
import { AuditEventService } from '@limiquantix/proto/identity/v1/audit_event_service_pb.js';
import {
  FindingKind,
  InventoryService,
} from '@limiquantix/proto/operations/v1/inventory_service_pb.js';
import { type BackendObject, foreignObject, ownObject } from '../decide/backend-object.js';
import type { RemovalRequest } from '../reconcile/inspect.js';
import { VirtualClock } from '../reconcile/virtual-clock.js';
import { contractTypes } from '../resource/type-registry.js';
import { InventoryKeeper } from './inventory.js';
import { createAccessWorld } from './test-access.js';
import {
  createHastyClock,
  startTestInstallation,
  type TestInstallation,
} from './test-installation.js';
import { refusal } from './test-world.js';

let installation: TestInstallation;
beforeAll(async () => {
  installation = await startTestInstallation({ clock: new VirtualClock(Date.UTC(2026, 0, 1)) });
});
afterAll(() => installation.stop());

const port = ownObject({ backend: 'ovn', kind: 'Port', name: 'p', type: 'port', id: 'gone' });
const file = ownObject({
  ...{ backend: 'directory', kind: 'volume file', name: '/f', type: 'volume', id: 'lost' },
  holdsData: true,
});
const foreign = foreignObject({ backend: 'ovn', kind: 'Port', name: 'theirs' });

/** A keeper over a control plane's own backend, which holds what a test says at each look. */
function setup(looks: readonly (readonly BackendObject[])[]) {
  const removed: RemovalRequest[] = [];
  const failures: string[] = [];
  let look = 0;
  const keeper = new InventoryKeeper({
    // No types: what resources say of themselves is not what these tests are about.
    context: {
      ...installation.context,
      clock: createHastyClock(),
      types: { ...contractTypes, types: [] },
    },
    hub: { inspect: () => new Promise(() => undefined) },
    own: {
      async inspect() {
        const objects = looks[Math.min(look, looks.length - 1)] ?? [];
        look += 1;
        return { objects, deviations: [], failures: [] };
      },
      async remove(request) {
        removed.push(request);
        return failures;
      },
    },
    poke: () => undefined,
  });
  return { keeper, removed, failures, looks: () => look };
}

const kinds = (findings: readonly { readonly kind: FindingKind }[]): string[] =>
  findings.map(({ kind }) => FindingKind[kind]);

it('tells only what is found at two looks in a row', async () => {
  const passing = setup([[port], []]);
  expect((await passing.keeper.check({ includeForeign: false })).findings).toEqual([]);
  const coming = setup([[], [port]]);
  expect((await coming.keeper.check({ includeForeign: false })).findings).toEqual([]);
  expect(coming.looks()).toBe(1);
  const staying = setup([[port]]);
  expect(kinds((await staying.keeper.check({ includeForeign: false })).findings)).toEqual([
    'STRAY',
  ]);
});

it('tells what is foreign where that is asked for, and finds nothing wrong with it', async () => {
  const { keeper, looks } = setup([[foreign]]);
  expect((await keeper.check({ includeForeign: false })).findings).toEqual([]);
  expect(kinds((await keeper.check({ includeForeign: true })).findings)).toEqual(['FOREIGN']);
  expect(looks()).toBe(2);
});

it('removes data only where that is asked for, and nothing foreign ever', async () => {
  const timid = setup([[file, foreign]]);
  expect(await timid.keeper.repair({ deleteData: false })).toMatchObject({ repaired: [] });
  expect(timid.removed).toEqual([]);
  const bold = setup([[file, foreign], [file, foreign], [foreign]]);
  const { repaired, findings } = await bold.keeper.repair({ deleteData: true });
  expect(bold.removed).toEqual([{ keys: [{ type: 'volume', id: 'lost' }], deleteData: true }]);
  expect([kinds(repaired), kinds(findings)]).toEqual([['STRAY'], []]);
});

it('says why something could not be mended, after it has tried for a while', async () => {
  const { keeper, failures } = setup([[port]]);
  failures.push('OVN is away');
  const { repaired, findings } = await keeper.repair({ deleteData: false });
  expect(repaired).toEqual([]);
  expect(findings[0]?.message).toBe('there is no such port any more; not mended: OVN is away');
});

it('lets a viewer of everything look, an operator repair, and writes down who did', async () => {
  const world = await createAccessWorld(installation);
  for (const role of ['viewer', 'operator']) await world.bind(role, `${role}-of-all`);
  const as = async (name: string) =>
    installation.client(InventoryService, { token: await world.tokenFor(name) });
  const viewer = await as('viewer-of-all');
  await viewer.checkInventory({});
  const denied = { code: Code.PermissionDenied, reason: 'PERMISSION_DENIED' };
  expect(await refusal(viewer.repairInventory({}))).toMatchObject(denied);
  // Who may read one project only may not learn of the others.
  expect(await refusal((await as('viewer')).checkInventory({}))).toMatchObject(denied);
  await (await as('operator-of-all')).repairInventory({});
  await installation.audit.stop();
  const { auditEvents } = await installation
    .client(AuditEventService)
    .listAuditEvents({ filter: 'spec.method=RepairInventory' });
  expect(auditEvents.map(({ spec }) => [spec?.actor, spec?.outcome]).sort()).toEqual([
    ['user:operator-of-all', 'ok'],
    ['user:viewer-of-all', 'permission_denied'],
  ]);
});
