import { create, type MessageInitShape, toJson } from '@bufbuild/protobuf';
import { PowerState, VirtualMachineSpecSchema } from '@limiquantix/proto/compute/v1/vm_pb.js';
import { overlay } from './overlay.js';

type Init = MessageInitShape<typeof VirtualMachineSpecSchema>;

const disk = (sizeGib: bigint, more: object = {}) => ({
  source: { case: 'volume' as const, value: { poolId: 'p', sizeGib, ...more } },
});

test.each<[string, Init, Init, Init]>([
  ['a field that is not set above', { cpu: { cores: 2 } }, {}, { cpu: { cores: 2 } }],
  [
    'a field that is set above',
    { cpu: { cores: 2 } },
    { cpu: { cores: 4 } },
    { cpu: { cores: 4 } },
  ],
  [
    'the fields of a message one by one',
    { cpu: { cores: 2, sockets: 2 } },
    { cpu: { cores: 4 } },
    { cpu: { cores: 4, sockets: 2 } },
  ],
  [
    'maps by key, and entries of one key field by field',
    { disks: { root: disk(1n, { imageId: 'i' }), data: disk(2n) } },
    { disks: { root: disk(9n), logs: disk(3n) } },
    { disks: { data: disk(2n), logs: disk(3n), root: disk(9n, { imageId: 'i' }) } },
  ],
  [
    'another choice as a whole',
    { disks: { root: disk(1n, { imageId: 'i' }) } },
    { disks: { root: { source: { case: 'volumeId', value: 'v' } } } },
    { disks: { root: { source: { case: 'volumeId', value: 'v' } } } },
  ],
  [
    'a list as a whole',
    { placement: { requiredNodeIds: ['a', 'b'] } },
    { placement: { requiredNodeIds: ['c'] } },
    { placement: { requiredNodeIds: ['c'] } },
  ],
  [
    'an enum that is set',
    { powerState: PowerState.RUNNING },
    { powerState: PowerState.STOPPED },
    { powerState: PowerState.STOPPED },
  ],
])('puts together %s', (_, below, above, together) => {
  const [first, second] = [below, above].map((init) => create(VirtualMachineSpecSchema, init));
  const before = [first, second].map((spec) => spec && toJson(VirtualMachineSpecSchema, spec));
  if (first === undefined || second === undefined) throw new Error('no specs');
  const laid = overlay(VirtualMachineSpecSchema, first, second);
  expect(toJson(VirtualMachineSpecSchema, laid)).toEqual(
    toJson(VirtualMachineSpecSchema, create(VirtualMachineSpecSchema, together)),
  );
  expect([first, second].map((spec) => toJson(VirtualMachineSpecSchema, spec))).toEqual(before);
});
