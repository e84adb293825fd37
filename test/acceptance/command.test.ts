/** The command line against a control plane with one simulated node: what people see and type. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Cli } from '../../server/src/bin/cli.js';
import { type RunningServer, startServer } from '../../server/src/bin/compose-server.js';
import { systemClock } from '../../server/src/bin/effects.js';
import type { Environment } from '../../server/src/bin/profile.js';
import { runProgram } from '../../server/src/bin/program.js';
import { silentLog } from '../../server/src/log.js';
import { until } from '../harness/wait.js';

jest.setTimeout(60_000);

let directory = '';
let server: RunningServer;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'lqx-command-'));
  server = await startServer({
    dataDirectory: directory,
    listen: ['127.0.0.1:0'],
    names: [],
    simulate: 1,
    clock: systemClock,
    random: Math.random,
    log: silentLog,
    version: 'test',
  });
});
afterAll(async () => {
  await server.stop();
  await rm(directory, { recursive: true });
});

/** Runs a command; gives its exit code and what it wrote. */
async function run(args: readonly string[], env: Environment = {}) {
  let [stdout, stderr] = ['', ''];
  const cli: Cli = {
    env: { LIMIQUANTIX_PROFILE: server.profilePath, ...env },
    stdout: {
      isTerminal: false,
      write: (text) => {
        stdout += text;
      },
    },
    stderr: {
      isTerminal: false,
      write: (text) => {
        stderr += text;
      },
    },
    signal: new AbortController().signal,
  };
  return { code: await runProgram(cli, args), stdout, stderr };
}

async function createFrom(text: string) {
  const file = join(directory, 'resources.yaml');
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
  expect(created.stdout).toMatch(/^storage_pool local \S{36}\nnetwork lan \S{36}\n$/);
  const table = await until('the pool is ready', 10_000, async () => {
    const { stdout } = await run(['get', 'storage-pools']);
    return stdout.includes('yes') ? stdout : undefined;
  });
  expect(table.split('\n')[0]).toMatch(/^NAME +READY +PHASE +CAPACITY TOTAL BYTES/);
  expect((await run(['describe', 'network', 'lan'])).stdout).toContain('cidr: 10.3.0.0/24');
  const gone = await run(['delete', 'network', 'lan']);
  expect(gone).toEqual({ code: 0, stdout: 'network lan deleted\n', stderr: '' });
  expect(await run(['get', 'network'])).toMatchObject({ stdout: '', code: 0 });
});

it('says what is wrong, once, and ends with 1', async () => {
  const cases: [readonly string[], RegExp, Environment?][] = [
    [['get', 'cow'], /no type cow; the types are: .*vm/],
    [['get', 'vm', 'nope'], /no vm named nope/],
    [['get', 'vm'], /API token/, { LIMIQUANTIX_TOKEN: 'lqx_wrong' }],
    [['get', 'vm'], /ECONNREFUSED/, { LIMIQUANTIX_ENDPOINT: 'https://127.0.0.1:1' }],
    [['get', 'vm', '--profile', join(directory, 'none.json')], /no profile at/],
    [['node', 'join-token', '--uses', '0'], /whole number from 1/],
    [['token', 'create', 'ci', '--expires', 'soon'], /such as 12h/],
  ];
  for (const [args, message, env] of cases) {
    const { code, stderr } = await run(args, env);
    expect([args, code]).toEqual([args, 1]);
    expect(stderr).toMatch(message);
  }
  const { stderr } = await createFrom(pool.replace('local', 'Local'));
  expect(stderr).toMatch(/name must begin .* got "Local"/);
  expect(stderr.split('\n').filter((line) => line !== '')).toHaveLength(1);
});

it('makes, lists and revokes tokens', async () => {
  const { stdout: token } = await run(['token', 'create', 'ci', '--expires', '1h']);
  expect(token).toMatch(/^lqx_/);
  const env = { LIMIQUANTIX_TOKEN: token.trim() };
  expect((await run(['get', 'nodes'], env)).stdout).toContain('sim-1');
  const id = token.split('_')[1] ?? '';
  expect((await run(['token', 'list'])).stdout).toContain(`${id}  api   expires 20`);
  expect((await run(['token', 'revoke', id])).code).toBe(0);
  expect((await run(['get', 'nodes'], env)).code).toBe(1);
  expect((await run(['node', 'join-token'])).stdout).toMatch(/^lqxj_\S+_[0-9a-f]{64}\n$/);
});
