/** Fleets that ask for the same room at once: it is given to one of them. */
import { create } from '@bufbuild/protobuf';
import { VmFleetSchema } from '@limiquantix/proto/compute/v1/vm_fleet_pb.js';
import { admission } from '../decide/admission-table.js';
import { VirtualClock } from '../reconcile/virtual-clock.js';
import { contractTypes } from '../resource/type-registry.js';
import { createResource } from './create-resource.js';
import { startTestInstallation, type TestInstallation } from './test-installation.js';
import { makeNode, makePool } from './test-world.js';

let installation: TestInstallation;
let poolId: string;
beforeAll(async () => {
  const clock = new VirtualClock(Date.UTC(2026, 0, 1));
  installation = await startTestInstallation({ clock, admission });
  const readyOn = [await makeNode(installation, 'node-a', 4608n)];
  poolId = await makePool(installation, 'ssd', { totalBytes: 100n * 1024n ** 3n, readyOn });
});
afterAll(() => installation.stop());

test('one of two fleets that come together gets the room, and the other is refused', async () => {
  const disks = { root: { source: { case: 'volume', value: { poolId, sizeGib: 1n } } as const } };
  const vm = { cpu: { cores: 1 }, memory: { sizeMib: 1024n }, disks };
  const spec = { replicas: 3, template: { case: 'vm', value: vm } as const };
  const type = contractTypes.get('vm_fleet');
  // Called in one turn, so that each sees the room before the other has it.
  const both = ['a', 'b'].map((name) =>
    createResource(installation.context, {
      type,
      input: create(VmFleetSchema, { name, projectId: 'default', spec }),
      caller: { kind: 'user', tokenId: 't', name: 'tester' },
      requestId: '',
      validateOnly: false,
    }),
  );
  const [first, second] = await Promise.allSettled(both);
  expect(first).toMatchObject({ status: 'fulfilled' });
  expect(second).toMatchObject({ reason: { reason: 'FLEET_DOES_NOT_FIT' } });
});
