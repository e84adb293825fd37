/** What the functions give, and what they say of arguments that they can't work with. */
import { execFileSync } from 'node:child_process';
import { gunzipSync } from 'node:zlib';
import { type ObjectValue, record, type Value } from '../value/value.js';
import { ArgumentError } from './function.js';
import { providerFunctions } from './functions.js';

const call = (name: string, ...args: Value[]): Value => {
  const found = providerFunctions.get(name);
  if (found === undefined) throw new Error(`no function ${name}`);
  return found.call(args);
};

function refusal(name: string, ...args: Value[]): [number, string] {
  try {
    call(name, ...args);
  } catch (error) {
    if (error instanceof ArgumentError) return [error.position, error.message];
    throw error;
  }
  throw new Error('nothing was refused');
}

describe('cidr_host_range', () => {
  test.each<[string, Value[], string, string]>([
    ['10.0.0.0/24', [], '10.0.0.1', '10.0.0.254'],
    ['10.0.0.0/24', [10], '10.0.0.10', '10.0.0.254'],
    ['10.0.0.0/24', [10, 99], '10.0.0.10', '10.0.0.99'],
    ['10.0.0.0/24', [-50, -1], '10.0.0.206', '10.0.0.255'],
    ['0.0.0.0/0', [0, 4294967295], '0.0.0.0', '255.255.255.255'],
    ['10.0.0.0/31', [], '10.0.0.0', '10.0.0.1'],
    ['10.0.0.7/32', [], '10.0.0.7', '10.0.0.7'],
    ['fd00::/64', [16, 31], 'fd00::10', 'fd00::1f'],
    ['FD00:0:0:1::/64', [], 'fd00:0:0:1::1', 'fd00::1:ffff:ffff:ffff:ffff'],
    ['::ffff:0:0/96', [1, 2n], '::ffff:0:1', '::ffff:0:2'],
    [
      '2001:db8::/32',
      [-1],
      '2001:db8:ffff:ffff:ffff:ffff:ffff:ffff',
      '2001:db8:ffff:ffff:ffff:ffff:ffff:ffff',
    ],
  ])('%s %p', (cidr, numbers, first, last) => {
    expect({ ...(call('cidr_host_range', cidr, ...numbers) as ObjectValue) }).toEqual({
      first,
      last,
    });
  });

  test.each<[Value[], number, RegExp]>([
    [['10.0.0.0'], 0, /must be a subnet such as/],
    [['10.0.0.0/33'], 0, /must be a subnet/],
    [['10.0.0.01/24'], 0, /must be a subnet/],
    [['1::2::3/64'], 0, /must be a subnet/],
    [['10.0.0.7/24'], 0, /the subnet is 10\.0\.0\.0\/24/],
    [['10.0.0.0/24', 256], 1, /host 256 is outside of the subnet's 256 addresses/],
    [['10.0.0.0/24', 1, -257], 2, /outside/],
    [['10.0.0.0/24', 1.5], 1, /whole number/],
    [['10.0.0.0/24', 9, 8], 2, /the last host \(8\) comes before the first \(9\)/],
    [['10.0.0.0/24', 1, 2, 3], 3, /only the first and the last/],
  ])('refuses %p', (args, position, message) => {
    expect(refusal('cidr_host_range', ...args)).toEqual([position, expect.stringMatching(message)]);
  });
});

describe('parse_id', () => {
  const nothing = { id: null, project_id: null, name: null, created_at: null };
  test.each<[string, object]>([
    ['web', { name: 'web' }],
    ['default/web', { project_id: 'default', name: 'web' }],
    [
      '0193692A-F000-7000-8000-000000000001',
      { id: '0193692a-f000-7000-8000-000000000001', created_at: '2024-11-26T15:50:41.920Z' },
    ],
    ['6fa459ea-ee8a-4ca4-894e-db77e160355e', { id: '6fa459ea-ee8a-4ca4-894e-db77e160355e' }],
  ])('%s', (text, expected) => {
    expect({ ...(call('parse_id', text) as ObjectValue) }).toEqual({ ...nothing, ...expected });
  });

  test.each(['', 'a/b/c', 'a b', '/a', 'a/'])('refuses "%s"', (text) => {
    expect(refusal('parse_id', text)[0]).toBe(0);
  });
});

describe('cloud_init', () => {
  const part = (fields: object): Value => record(Object.entries(fields) as [string, Value][]);
  const parts: Value[] = [
    part({ content: '#cloud-config\npackages: [nginx]\n' }),
    part({ content: '#!/bin/sh\necho grüß\n', filename: 'run.sh', content_type: null }),
    part({ content: 'plain', content_type: 'text/plain', merge_type: 'list(append)' }),
  ];

  /** What a MIME library of another language reads: types, names and contents. */
  function read(text: Value): { type: string; name: string; content: string }[] {
    const script = `
import email, json, sys
message = email.message_from_bytes(sys.stdin.buffer.read())
print(json.dumps([{"type": p.get_content_type(), "name": p.get_filename(),
  "content": p.get_payload(decode=True).hex()} for p in message.get_payload()]))`;
    const out = execFileSync('python3', ['-c', script], { input: String(text), encoding: 'utf8' });
    const found = JSON.parse(out) as { type: string; name: string; content: string }[];
    return found.map((one) => {
      const bytes = Buffer.from(one.content, 'hex');
      return {
        ...one,
        content: (one.type === 'application/gzip' ? gunzipSync(bytes) : bytes).toString(),
      };
    });
  }

  test('is read by others as it was given', () => {
    expect(read(call('cloud_init', parts))).toEqual([
      {
        type: 'text/cloud-config',
        name: 'part-001',
        content: '#cloud-config\npackages: [nginx]\n',
      },
      { type: 'text/x-shellscript', name: 'run.sh', content: '#!/bin/sh\necho grüß\n' },
      { type: 'text/plain', name: 'part-003', content: 'plain' },
    ]);
  });

  test('compresses what cloud-init can tell by itself', () => {
    const found = read(call('cloud_init', parts, true));
    expect(found.map(({ type }) => type)).toEqual([
      'application/gzip',
      'application/gzip',
      'text/plain',
    ]);
    expect(found[1]?.content).toBe('#!/bin/sh\necho grüß\n');
  });

  test('gives the same text for the same parts, and another for others', () => {
    expect(call('cloud_init', parts, true)).toBe(call('cloud_init', parts, true));
    expect(call('cloud_init', parts)).not.toBe(call('cloud_init', parts.slice(1)));
  });

  test.each<[Value[], number, RegExp]>([
    [[[]], 0, /at least one part/],
    [[[part({})]], 0, /parts\[0\]\.content: must be given/],
    [[[...parts, part({ content: 'x' })]], 0, /parts\[3\]\.content_type: must be given/],
    [[[part({ content: '#!x', content_type: 'a b' })]], 0, /must be a MIME type/],
    [[[part({ content: '#!x', filename: 'a"b\n' })]], 0, /parts\[0\]\.filename: must be printable/],
    [[[part({ content: '#!x', merge_type: 'a\nX-Evil: b' })]], 0, /one line/],
    [[[part({ content: '#!x', boundary: 'b' })]], 0, /has no attribute "boundary"/],
    [[parts, true, false], 2, /may be given once/],
  ])('refuses %#', (args, position, message) => {
    expect(refusal('cloud_init', ...args)).toEqual([position, expect.stringMatching(message)]);
  });
});
