import { create } from '@bufbuild/protobuf';
import {
  type InventoryReport,
  InventoryRequestSchema,
} from '@limiquantix/proto/agent/v1/agent_service_pb.js';
import { VirtualMachineSchema } from '@limiquantix/proto/compute/v1/vm_pb.js';
import { type BackendObject, ownObject } from '../decide/backend-object.js';
import type { Driver } from '../reconcile/driver.js';
import { LimiError } from '../resource/error.js';
import { contractTypes } from '../resource/type-registry.js';
import { AgentView } from './agent-view.js';
import { Inspector } from './inspector.js';

/** A host whose hypervisor has machines by id; `wanted` are known to the agent. */
function setup(ids: readonly string[], wanted: readonly string[] = []) {
  const held = new Set(ids);
  const removed: string[] = [];
  const reports: InventoryReport[] = [];
  const poked: string[] = [];
  const lookup = new AgentView(contractTypes, () => 0);
  for (const id of wanted) lookup.set({ type: 'vm', id }, create(VirtualMachineSchema, { id }));
  const driver = {
    type: 'vm',
    failure: undefined as LimiError | undefined,
    observe: async ({ id }: { id: string }) => id,
    diff: (_: unknown, id: string) => ({
      actions: id.startsWith('odd') ? [{ kind: 'write-seed' }, { kind: 'start' }] : [],
    }),
    async inventory(): Promise<BackendObject[]> {
      if (driver.failure !== undefined) throw driver.failure;
      const named = { backend: 'libvirt', kind: 'domain', type: 'vm' };
      return [...held].map((id) => ownObject({ ...named, id, name: id }));
    },
    async removeStray(id: string) {
      removed.push(id);
      held.delete(id);
    },
  };
  const inspector = new Inspector({
    drivers: [driver as unknown as Driver],
    lookup,
    poke: ({ id }) => poked.push(id),
    send: (report) => reports.push(report),
  });
  const ask = async (init: Parameters<typeof create<typeof InventoryRequestSchema>>[1]) => {
    inspector.ask(create(InventoryRequestSchema, init));
    await inspector.stop();
    return reports.splice(0);
  };
  return { ask, driver, inspector, removed, poked, reports };
}

it.each([0, 1, 1_000, 1_001, 2_500])('tells of %i objects in bounded parts', async (count) => {
  const ids = Array.from({ length: count }, (_, at) => `vm-${at}`);
  const parts = await setup(ids).ask({ number: 7n });
  expect(parts.flatMap(({ objects }) => objects.map(({ id }) => id))).toEqual(ids);
  expect(parts.every(({ number, objects }) => number === 7n && objects.length <= 1_000)).toBe(true);
  expect(parts.map(({ last }) => last)).toEqual([...parts.slice(1).map(() => false), true]);
});

it('removes what it is told and nobody wants, never what is wanted, and looks again', async () => {
  const world = setup(['stray', 'wanted', 'other'], ['wanted']);
  const removals = ['stray', 'wanted'].map((id) => ({ type: 'vm', id }));
  const [report] = await world.ask({ removals, attention: [{ type: 'vm', id: 'wanted' }] });
  expect(world.removed).toEqual(['stray']);
  expect(world.poked).toEqual(['wanted']);
  expect(report?.objects.map(({ id }) => id)).toEqual(['wanted', 'other']);
});

it('tells what of the wanted is not as wanted, in the words of what is to do', async () => {
  const [report] = await setup(['odd', 'even', 'odd-stray'], ['odd', 'even']).ask({});
  expect(report?.deviations).toMatchObject([
    { type: 'vm', id: 'odd', message: 'is not as wanted; still to do: write seed, start' },
  ]);
});

it('names a backend that cannot be asked', async () => {
  const world = setup(['one']);
  world.driver.failure = new LimiError({ code: 14, reason: 'X', message: 'no libvirtd' });
  expect(await world.ask({})).toMatchObject([
    { objects: [], failures: ['no libvirtd'], last: true },
  ]);
});
