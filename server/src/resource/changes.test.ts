/** What a change is refused for, where it lies in what describes other resources. */
import { create, type MessageInitShape } from '@bufbuild/protobuf';
import {
  VmFleetSchema,
  type VmFleetSpecSchema,
} from '@limiquantix/proto/compute/v1/vm_fleet_pb.js';
import { intentChanges } from './changes.js';
import { contractTypes } from './type-registry.js';

type Template = NonNullable<MessageInitShape<typeof VmFleetSpecSchema>['template']>;

const machine = (poolId: string): Template => ({
  case: 'vm',
  value: {
    disks: { root: { source: { case: 'volume', value: { poolId, sizeGib: 4n } } } },
  },
});

test.each<[string, Template]>([
  ['another pool, which is immutable in a machine', machine('q')],
  ['a template in place of a machine', { case: 'templateId', value: 't' }],
])('a fleet takes %s', (_, after) => {
  const fleet = (template: Template) => create(VmFleetSchema, { spec: { template } });
  const type = contractTypes.get('vm_fleet');
  if (type === undefined) throw new Error('no such type');
  const changes = intentChanges(type, fleet(machine('p')), fleet(after));
  expect(changes.length).toBeGreaterThan(0);
  expect(changes.filter(({ immutable }) => immutable)).toEqual([]);
});
