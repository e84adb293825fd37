/** From values to messages and back: nothing that the user wrote changes its form. */
import { create } from '@bufbuild/protobuf';
import { record, UNKNOWN, type Value } from '../value/value.js';
import { shapeOf, whole } from './engine-testing.js';
import type { AnyStatus } from './fields.js';
import { resourceToValue } from './from-message.js';
import { keepPrior } from './keep-prior.js';
import { updateMask } from './mask.js';
import { fillUnknown, withSecrets } from './overlay.js';
import { resourceToMessage } from './to-message.js';

const vm = shapeOf('vm');
const base = { name: 'web', cpu: { cores: 2 }, memory: { size_mib: 512 } };

test.each<[string, object]>([
  ['nothing optional', {}],
  ['empty maps and texts', { labels: {}, description: '', disks: {} }],
  ['false written out', { protected: false, wait_for: { guest_agent: false } }],
  ['an empty message', { provisioning: {}, ha: {} }],
  ['an enum', { power_state: 'stopped', ha: { restart: 'on_failure' } }],
  ['a set in another order', { placement: { required_node_ids: ['b', 'a'] } }],
  ['an empty list in a nic', { nics: { lan: { port: { network_id: 'n', ip_addresses: [] } } } }],
  ['a secret with its version', { display: { vnc: { password_wo_version: 3 } } }],
  ['times to wait', { timeouts: { create: '5m' } }],
])('keeps %s', (_, given) => {
  const prior = whole(vm.object, { ...base, ...given });
  const { message, issues } = resourceToMessage(vm, prior);
  expect(issues).toEqual([]);
  const fresh = resourceToValue(vm, message);
  expect(keepPrior(vm.object, prior, fresh)).toEqual(prior);
});

test('sees what others changed', () => {
  const prior = whole(vm.object, { ...base, labels: record([['a', '1']]) });
  const { message } = resourceToMessage(vm, prior);
  message.labels = { a: '2' };
  expect(keepPrior(vm.object, prior, resourceToValue(vm, message))['labels']).toEqual(
    record([['a', '2']]),
  );
});

test('shows zeros in a status as they were observed', () => {
  const { message } = resourceToMessage(vm, whole(vm.object, base));
  const observed: Record<string, unknown> = { guestInfo: { agentConnected: false } };
  message.status = create(vm.statusField.message, observed) as AnyStatus;
  expect(resourceToValue(vm, message)['status']).toMatchObject({
    phase: null,
    node_id: null,
    disks: {},
    guest_info: { agent_connected: false, hostname: null },
  });
});

test.each<[string, object, object, string[]]>([
  ['nothing', {}, { description: '' }, []],
  ['a label', {}, { labels: { a: 'b' } }, ['labels']],
  ['a deep field', {}, { memory: { size_mib: 1024 } }, ['spec.memory.size_mib']],
  ['an entry of a map', { nics: {} }, { nics: { a: { port_id: 'p' } } }, ['spec.nics']],
  ['a message that appears', {}, { ha: { restart: 'never' } }, ['spec.ha']],
  ['a message that goes', { ha: { restart: 'never' } }, {}, ['spec.ha']],
  [
    'a secret',
    { display: { vnc: { password_wo_version: 1 } } },
    { display: { vnc: { password_wo_version: 2 } } },
    ['spec.display.vnc.password'],
  ],
  [
    'a secret in a new message',
    {},
    { display: { vnc: { password_wo_version: 2 } } },
    ['spec.display'],
  ],
  ["what is the provider's own", {}, { timeouts: { create: '1m' } }, []],
])('the mask for %s', (_, before, after, expected) => {
  const full = (value: object) => whole(vm.object, { ...base, ...value });
  expect(updateMask(vm, full(before), full(after))).toEqual(expected);
});

test('an exchange of alternatives removes before it sets', () => {
  const image = shapeOf('image');
  const full = (source: object) => whole(image.object, { name: 'os', source });
  const hash = '0'.repeat(64);
  const before = full({ url: { url: 'http://x', sha256: hash } });
  const after = full({ upload: { file: 'a', size_bytes: 1, sha256: hash } });
  expect(updateMask(image, before, after)).toEqual(['spec.source.url', 'spec.source.upload']);
});

test('sends secrets and keeps none', () => {
  const config = whole(vm.object, { ...base, display: { vnc: { password_wo: 'geheim' } } });
  const planned = whole(vm.object, { ...base, display: { vnc: {} } });
  const { message } = resourceToMessage(vm, withSecrets(vm.object, planned, config));
  expect(message.spec).toMatchObject({ display: { vnc: { password: 'geheim' } } });
});

test('tells every value that cannot be converted', () => {
  const config = whole(vm.object, {
    ...base,
    power_state: 'crashed',
    cpu: { cores: 1.5, sockets: -1 },
    disks: record([
      [
        'a',
        record([
          ['volume_id', 'v'],
          ['volume', record()],
        ]),
      ],
    ]),
  });
  const { issues } = resourceToMessage(vm, config);
  expect(issues.map(({ message }) => message)).toEqual([
    'must be one of "running", "stopped", "paused", "suspended"; got "crashed"',
    'must be a whole number; got 1.5',
    'must be from 1 to 16; got -1',
    'needs exactly one of volume_id, volume; got volume_id and volume',
  ]);
});

test('fills in what the plan left open, and nothing else', () => {
  const planned: Value = record([
    ['a', UNKNOWN],
    ['b', 1],
    ['c', record([['d', UNKNOWN]])],
  ]);
  const fresh: Value = record([
    ['a', 'x'],
    ['b', 2],
    [
      'c',
      record([
        ['d', 'y'],
        ['e', 'z'],
      ]),
    ],
  ]);
  expect(fillUnknown(planned, fresh)).toEqual(
    record([
      ['a', 'x'],
      ['b', 1],
      ['c', record([['d', 'y']])],
    ]),
  );
});
