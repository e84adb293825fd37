/** What a change costs, where it lies in what describes other resources. */
import { changes } from './changes.js';
import { shapeOf, whole } from './engine-testing.js';

const fleet = shapeOf('vm_fleet');
const disk = (poolId: string) => ({ root: { volume: { pool_id: poolId, size_gib: 4 } } });

function changed(before: object, after: object) {
  const full = (vm: object) =>
    whole(fleet.object, { name: 'f', ...JSON.parse(JSON.stringify(vm)) });
  return changes(fleet.object.attributes, full(before), full(after));
}

test('what is immutable in a blueprint replaces its machines, not the fleet', () => {
  const found = changed({ vm: { disks: disk('p') } }, { vm: { disks: disk('q') } });
  expect(found).toMatchObject([{ replaces: false }]);
});

test('a fleet may go from a blueprint to a template', () => {
  const found = changed({ vm: { disks: disk('p') } }, { template_id: 't' });
  expect(found.map(({ replaces }) => replaces)).toEqual([false, false]);
});
