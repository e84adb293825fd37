/** The command line against a control plane with one simulated node: what people see and type. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Environment } from '../../server/src/bin/profile.js';
import { CommandLine } from '../harness/command-line.js';
import { until } from '../harness/wait.js';

jest.setTimeout(60_000);

let command: CommandLine;

beforeAll(async () => {
  command = await CommandLine.start();
});
afterAll(() => command.stop());

const run = (args: readonly string[], env: Environment = {}, stdin = '') =>
  command.run(args, { env, stdin });

async function createFrom(text: string) {
  const file = join(command.directory, 'resources.yaml');
  await writeFile(file, text);
  return run(['create', '-f', file]);
}

const pool = `
type: storage_pool
name: local
spec:
  directory: { path: /var/lib/pool }
`;

it('creates, shows and deletes resources of any type', async () => {
  const created = await createFrom(`${pool}---
type: network
name: lan
spec:
  ipv4: { cidr: 10.3.0.0/24 }
`);
  expect(created.stdout).toBe('storage_pool/local created\nnetwork/lan created\n');
  const table = await until('the pool is ready', 10_000, async () => {
    const { stdout } = await run(['get', 'storage-pools']);
    return stdout.includes('yes') ? stdout : undefined;
  });
  expect(table.split('\n')[0]).toMatch(/^NAME +READY +PHASE +CAPACITY TOTAL +.* AGE$/);
  expect((await run(['describe', 'network', 'lan'])).stdout).toContain('cidr: 10.3.0.0/24');
  const gone = await run(['delete', 'network', 'lan']);
  expect(gone).toEqual({ code: 0, stdout: 'network/lan deleted\n', stderr: '' });
  expect(await run(['get', 'network'])).toMatchObject({ stdout: '', code: 0 });
});

it('says what is wrong, once, and ends with a code for its kind', async () => {
  const cases: [readonly string[], number, RegExp, Environment?][] = [
    [['get', 'cow'], 2, /no type "cow"; the types are: .*vm/],
    [['get', 'vn'], 2, /no type "vn"; did you mean "vm"/],
    [['gett'], 2, /unknown command 'gett'\n\(Did you mean get\?\)/],
    [['get', 'vm', '-l', 'app ! web'], 2, /"app ! web" is no requirement of labels/],
    [['get', 'vm', '--sort-by', 'nam'], 2, /can't sort vms by "nam"; did you mean "name"/],
    [['get', 'vm', '--filter', 'spec.cpus=1'], 2, /has no field "cpus"/],
    [['describe', 'vm'], 2, /which vm\? write: limiquantix describe vm NAME/],
    [['get', 'vm', 'nope'], 3, /no vm named nope/],
    [['get', 'node', 'sim-2'], 3, /no node named sim-2; did you mean "sim-1"/],
    [['get', 'vm', 'nope', '--project', 'other'], 3, /no vm named nope/],
    [['get', 'vm'], 4, /API token/, { LIMIQUANTIX_TOKEN: 'lqx_wrong' }],
    [['get', 'vm'], 7, /ECONNREFUSED/, { LIMIQUANTIX_ENDPOINT: 'https://127.0.0.1:1' }],
    [['get', 'vm'], 2, /endpoint "here" is no URL/, { LIMIQUANTIX_ENDPOINT: 'here' }],
    [['get', 'vm', '--profile', join(command.directory, 'none.json')], 2, /no profile at/],
    [['node', 'join-token', '--uses', '0'], 2, /whole number from 1/],
    [['token', 'create', 'ci', '--expires', 'soon'], 2, /such as 12h/],
  ];
  for (const [args, code, message, env] of cases) {
    const { code: got, stderr, stdout } = await run(args, env);
    expect([args, got, stdout]).toEqual([args, code, '']);
    expect(stderr).toMatch(message);
  }
});

it('tells the mistakes of a file with their lines, before anything is sent', async () => {
  const { code, stdout, stderr } = await createFrom(`type: network
name: first
spec: { ipv4: { cidr: 10.4.0.0/24 } }
---
type: vm
name: Web
spec:
  cpu: { cores: 0 }
  memory: { size_mib: 64 }
  nics:
    lan: { port: { network_id: lann } }
`);
  expect([code, stdout]).toEqual([2, '']);
  expect(stderr.split('\n')).toEqual([
    'limiquantix: 3 mistakes in the input; nothing was sent',
    expect.stringMatching(
      /resources.yaml:11: spec.nics\["lan"\].* there is no network named "lann" in project default/,
    ),
    expect.stringMatching(
      /resources.yaml:6: name must begin with a lower-case letter .*; got "Web"/,
    ),
    expect.stringMatching(/resources.yaml:8: spec.cpu.cores must be .*; got 0/),
    '',
  ]);
  expect((await run(['get', 'networks', '-o', 'name'])).stdout).not.toContain('first');
});

it('creates what is referred to by name first, and shows it in every format', async () => {
  const file = `type: vm
name: web
labels: { app: web }
spec:
  power_state: stopped
  cpu: { cores: 2 }
  memory: { size_mib: 512 }
  nics:
    lan: { port: { network_id: web-net } }
---
type: network
name: web-net
spec:
  ipv4: { cidr: 10.5.0.0/24 }
`;
  const created = await run(['create', '-f', '-'], {}, file);
  expect(created).toEqual({
    code: 0,
    stderr: '',
    stdout: 'network/web-net created\nvm/web created\n',
  });
  const show = async (...args: string[]) => (await run(['get', 'vm', ...args])).stdout;
  const yaml = await show('web', '-o', 'yaml');
  expect(yaml).toMatch(/^type: vm\nid: /);
  expect(yaml).toContain(
    'power_state: stopped\n  cpu:\n    cores: 2\n  memory:\n    size_mib: 512\n',
  );
  expect(JSON.parse(await show('web', '-o', 'json'))).toMatchObject({ type: 'vm', name: 'web' });
  expect(JSON.parse(await show('-o', 'json'))).toMatchObject([{ name: 'web' }]);
  expect(await show('-o', 'name', '-l', 'app=web', '--filter', 'spec.power_state=stopped')).toBe(
    'vm/web\n',
  );
  expect(await show('-o', 'wide')).toMatch(
    /^PROJECT +NAME .* LABELS\ndefault +web .* 512 MiB .* app=web\n$/,
  );
  expect((await run(['get', 'vm', '-l', 'app=db'])).stderr).toBe('there are no vms that match\n');
  const described = (await run(['describe', 'vm/web'])).stdout;
  expect(described).toMatch(/^Name: +web\nType: +vm\n/);
  expect(described).toMatch(/network_id: \S{36} # web-net\n/);
  const taken = await run(['create', '-f', '-'], {}, file.split('---')[0]);
  expect(taken.code).toBe(5);
  expect(taken.stderr).toMatch(/vm\/web was refused\n {2}stdin:2: name "web" is taken/);
  const gone = await run(['delete', 'vm/web', 'network/web-net']);
  expect(gone.stdout).toBe('vm/web deleted\nnetwork/web-net deleted\n');
});

it('sorts by any field', async () => {
  const networks = ['b', 'c', 'a'].map(
    (name, at) =>
      `type: network\nname: ${name}\nlabels: { sort: x }\nspec: { ipv4: { cidr: 10.${6 + at}.0.0/24 } }\n`,
  );
  await run(['create', '-f', '-'], {}, networks.join('---\n'));
  const sorted = async (by: string) =>
    (
      await run(['get', 'networks', '-l', 'sort=x', '-o', 'name', '--sort-by', by])
    ).stdout.replaceAll(/network\/|\n/g, '');
  expect([
    await sorted('name'),
    await sorted('-spec.ipv4.cidr'),
    await sorted('created_at'),
  ]).toEqual(['abc', 'acb', 'bca']);
  await run(['delete', 'network', 'a', 'b', 'c']);
});

it('makes, lists and revokes tokens', async () => {
  const { stdout: token } = await run(['token', 'create', 'ci', '--expires', '1h']);
  expect(token).toMatch(/^lqx_/);
  const env = { LIMIQUANTIX_TOKEN: token.trim() };
  expect((await run(['get', 'nodes'], env)).stdout).toContain('sim-1');
  const id = token.split('_')[1] ?? '';
  expect((await run(['token', 'list'])).stdout).toContain(`${id}  api   expires 20`);
  expect((await run(['token', 'revoke', id])).code).toBe(0);
  expect((await run(['get', 'nodes'], env)).code).toBe(4);
  expect((await run(['node', 'join-token'])).stdout).toMatch(/^lqxj_\S+_[0-9a-f]{64}\n$/);
});
