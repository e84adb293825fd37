/** Every field of a disk's and an interface's inline form reaches the resource that it is of. */
import { create, type DescField, type DescMessage, type MessageShape } from '@bufbuild/protobuf';
import {
  DiskProvisioning,
  DiskVolumeSpecSchema,
  NicPortSpecSchema,
} from '@limiquantix/proto/compute/v1/vm_pb.js';
import { PortSpecSchema } from '@limiquantix/proto/network/v1/port_pb.js';
import { VolumeProvisioning } from '@limiquantix/proto/storage/v1/storage_pool_pb.js';
import { VolumeSpecSchema } from '@limiquantix/proto/storage/v1/volume_pb.js';
import { writeField } from '../resource/field-access.js';
import { inlineSpec } from '../resource/inline-spec.js';
import { diskVolumeMoves, diskVolumeSpec, nicPortSpec } from './device-specs.js';

type Lay = (
  form: MessageShape<DescMessage>,
  spec?: MessageShape<DescMessage>,
) => MessageShape<DescMessage>;

const forms = [
  { form: DiskVolumeSpecSchema, lay: diskVolumeSpec as unknown as Lay, alone: ['keep'] },
  { form: NicPortSpecSchema, lay: nicPortSpec as unknown as Lay, alone: [] },
] as const;

const sampleOf = (field: DescField): unknown => {
  if (field.fieldKind === 'enum') return field.enum.values.at(-1)?.number;
  if (field.fieldKind === 'list') return ['a'];
  if (field.fieldKind !== 'scalar') throw new Error(`${field.name} needs a sample here`);
  if (field.name.endsWith('_gib')) return 7n;
  return field.name === 'keep' ? true : 'a';
};

const cases = forms.flatMap(({ form, lay, alone }) =>
  form.fields
    .filter(({ name }) => !(alone as readonly string[]).includes(name))
    .map((field) => ({ name: `${form.name}.${field.name}`, form, field, lay })),
);

test.each(cases)('$name reaches what is made, and leaves it again', ({ form, field, lay }) => {
  const given = create(form as DescMessage);
  const without = lay(given, undefined);
  writeField(given, field, sampleOf(field));
  const made = lay(given, undefined);
  expect(made).not.toEqual(without);
  const cleared = lay(create(form as DescMessage), made);
  expect(JSON.stringify(cleared, withBigints)).not.toMatch(/"a"|"7"|_gib/);
});

const withBigints = (_key: string, value: unknown): unknown =>
  typeof value === 'bigint' ? String(value) : value;

test('values of enums go by their words, and what the form has no field for stays', () => {
  const given = create(DiskVolumeSpecSchema, {
    poolId: 'p',
    sizeGib: 2n,
    provisioning: DiskProvisioning.THICK_EAGER,
  });
  const present = create(VolumeSpecSchema, { encrypted: true, sizeGib: 1n });
  expect(diskVolumeSpec(given, present)).toMatchObject({
    poolId: 'p',
    sizeGib: 2n,
    encrypted: true,
    provisioning: VolumeProvisioning.THICK_EAGER,
  });
  const port = create(PortSpecSchema, { dnsName: 'db', securityGroupIds: ['old'] });
  const nic = create(NicPortSpecSchema, { networkId: 'n', securityGroupIds: ['g'] });
  expect(nicPortSpec(nic, port)).toMatchObject({ dnsName: 'db', securityGroupIds: ['g'] });
});

test('a field that goes nowhere is refused when the form is prepared', () => {
  const { keep: _, ...forgotten } = diskVolumeMoves;
  expect(() => inlineSpec(DiskVolumeSpecSchema, VolumeSpecSchema, forgotten)).toThrow(
    'DiskVolumeSpec.keep goes nowhere in VolumeSpec',
  );
});
