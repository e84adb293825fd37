/** How each kind of field looks in Terraform; on the contract, and on fields made to be refused. */
import { create, createFileRegistry, setExtension } from '@bufbuild/protobuf';
import {
  FieldOptionsSchema,
  FileDescriptorSetSchema,
  FieldDescriptorProto_Label as Label,
  FieldDescriptorProto_Type as Type,
} from '@bufbuild/protobuf/wkt';
import {
  field as behaviorOption,
  FieldBehaviorSchema,
} from '@limiquantix/proto/resource/v1/options_pb.js';
import { resourceShapes } from './all-shapes.js';
import { messageShape } from './message-shape.js';
import type { Attribute, ObjectShape } from './shape.js';

function attribute(typeName: string, path: string): Attribute {
  const shape = resourceShapes().get(typeName)?.();
  let inside: ObjectShape | undefined = shape?.object;
  let found: Attribute | undefined;
  for (const name of path.split('.')) {
    found = inside?.byName.get(name);
    inside = typeof found?.element === 'object' ? found.element : undefined;
  }
  if (found === undefined) throw new Error(`no attribute ${path} in ${typeName}`);
  return found;
}

test.each<[string, string, Partial<Attribute>]>([
  ['limiquantix_vm', 'name', { mode: 'required', collection: 'one', element: 'string' }],
  ['limiquantix_vm', 'id', { mode: 'computed' }],
  ['limiquantix_vm', 'project_id', { mode: 'optional_computed' }],
  ['limiquantix_vm', 'labels', { mode: 'optional', collection: 'map', element: 'string' }],
  ['limiquantix_vm', 'power_state', { mode: 'optional', element: 'string' }],
  ['limiquantix_vm', 'disks', { mode: 'optional', collection: 'map' }],
  ['limiquantix_vm', 'disks.volume_id', { mode: 'optional', element: 'string' }],
  ['limiquantix_vm', 'disks.volume.size_gib', { mode: 'required', element: 'number' }],
  ['limiquantix_vm', 'placement.required_node_ids', { collection: 'set', element: 'string' }],
  ['limiquantix_vm', 'display.vnc.password_wo', { role: 'secret', mode: 'optional' }],
  [
    'limiquantix_vm',
    'display.vnc.password_wo_version',
    { role: 'secret_version', element: 'number' },
  ],
  ['limiquantix_vm', 'status', { mode: 'computed', collection: 'one' }],
  ['limiquantix_node', 'created_at', { mode: 'computed', element: 'string' }],
  ['limiquantix_network', 'ipv4.allocation_pools', { collection: 'list' }],
  ['limiquantix_image', 'source.upload.sha256', { mode: 'optional_computed' }],
  ['limiquantix_vm', 'timeouts.create', { mode: 'optional', element: 'string' }],
])('%s.%s', (typeName, path, expected) => {
  expect(attribute(typeName, path)).toMatchObject(expected);
});

test('leaves out what is bookkeeping, and the project where there is none', () => {
  expect(() => attribute('limiquantix_vm', 'revision')).toThrow();
  expect(() => attribute('limiquantix_vm', 'owner')).toThrow();
  expect(() => attribute('limiquantix_vm', 'status.observed_generation')).toThrow();
  expect(() => attribute('limiquantix_vm', 'display.vnc.password')).toThrow();
  expect(() => attribute('limiquantix_node', 'project_id')).toThrow();
});

test.each(['hash_code', 'to_string', 'fqn'])('refuses a field named %s', (name) => {
  expect(() => shapeOfField(name)).toThrow(`an attribute named ${name} breaks the generated`);
});

test.each(['password', 'admin_password', 'psk', 'private_key_pem', 'api_token', 'secret'])(
  'refuses a field named %s that would be in plain',
  (name) => {
    expect(() => shapeOfField(name)).toThrow('looks like a secret; annotate it as one');
  },
);

test.each(['secret_id', 'key', 'token_ttl_seconds', 'private_key_file'])('takes %s', (name) => {
  expect(shapeOfField(name).byName.get(name)?.role).toBe('field');
});

test('refuses a secret in a list, which could not be write-only', () => {
  expect(() => shapeOfField('words', undefined, true)).toThrow('must be a single plain value');
});

test('makes a secret write-only, with a version that sends it again', () => {
  const roles = [...resourceShapes().values()]
    .flatMap((shape) => everyAttribute(shape().object))
    .filter(({ behavior, role }) => behavior.secret || role === 'secret_version')
    .map(({ role, name }) => `${role} ${name.replace(/.*(_wo(_version)?)$/, '$1')}`);
  expect([...new Set(roles)].sort()).toEqual(['secret _wo', 'secret_version _wo_version']);
});

test('refuses a message that contains itself', () => {
  expect(() => shapeOfField('child', '.test.M')).toThrow('contains itself');
});

const everyAttribute = (shape: ObjectShape): Attribute[] =>
  shape.attributes.flatMap((one) =>
    typeof one.element === 'string' ? [one] : [one, ...everyAttribute(one.element)],
  );

function shapeOfField(name: string, messageType?: string, isSecretList = false): ObjectShape {
  const type = messageType === undefined ? Type.STRING : Type.MESSAGE;
  const label = isSecretList ? Label.REPEATED : Label.OPTIONAL;
  const options = create(FieldOptionsSchema);
  setExtension(options, behaviorOption, create(FieldBehaviorSchema, { secret: isSecretList }));
  const field = { name, number: 1, label, type, typeName: messageType ?? '', options };
  const file = {
    name: 'test.proto',
    package: 'test',
    syntax: 'proto3',
    messageType: [{ name: 'M', field: [field] }],
  };
  const registry = createFileRegistry(create(FileDescriptorSetSchema, { file: [file] }));
  const message = registry.getMessage('test.M');
  if (message === undefined) throw new Error('no message');
  return messageShape(message, 'intent');
}
