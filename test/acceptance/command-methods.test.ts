/** The contract's own methods on the command line, and work that goes on as an operation. */
import { CommandLine } from '../harness/command-line.js';

jest.setTimeout(60_000);

let command: CommandLine;
const run = (...args: string[]) => command.run(args);

beforeAll(async () => {
  command = await CommandLine.start();
  const file = `type: vm
name: web
spec: { cpu: { cores: 1 }, memory: { size_mib: 64 } }
---
type: vm
name: db
spec: { cpu: { cores: 1 }, memory: { size_mib: 64 } }
---
type: storage_pool
name: local
spec: { directory: { path: /var/lib/pool } }
`;
  await command.run(['apply', '-f', '-'], { stdin: file });
  await run('wait', 'vm/web', 'vm/db', 'storage_pool/local', '--timeout', '30s');
});
afterAll(() => command.stop());

it('begins work, follows it to its end, and tells its steps where there is no terminal', async () => {
  const { code, stdout, stderr } = await run('vm', 'stop', 'web', 'db', '--grace', '5s');
  expect([code, stdout]).toEqual([0, 'vm/web stop done\nvm/db stop done\n']);
  expect(stderr).toMatch(/^vm\/web stop: .*, 0 %\n/);
  expect(stderr).not.toContain('\u001b');
  const phase = await run('wait', 'vm/web', '--for', 'status.phase=stopped', '--timeout', '20s');
  expect(phase.code).toBe(0);
});

it('draws one line on a terminal, and takes it away', async () => {
  const { stdout, stderr } = await command.run(['vm', 'start', 'web'], { isTerminal: true });
  expect(stdout).toBe('vm/web start done\n');
  const lines = stderr.split('\r\u001b[K');
  expect(lines.length).toBeGreaterThan(2);
  expect([lines.at(0), lines.at(-1), stderr.includes('\n')]).toEqual(['', '', false]);
});

it('prints the operation with --no-wait, which can be watched, listed and is not cancelled twice', async () => {
  const begun = await run('vm', 'reboot', 'web', '--no-wait');
  const id = /^operation\/(\S{36})\n$/.exec(begun.stdout)?.[1] ?? '';
  const waited = await run('operation', 'wait', id, '--timeout', '30s');
  expect(waited.stdout).toBe('vm/web RebootVirtualMachine done\n');
  expect((await run('operation', 'list', '--filter', `id=${id}`)).stdout).toMatch(
    /succeeded +RebootVirtualMachine +100/,
  );
  const late = await run('operation', 'cancel', id);
  expect(late.code).toBe(5);
  expect(late.stderr).toMatch(/it has ended/);
});

it('says how to come back to work and how to cancel it when it is interrupted', async () => {
  // The work may be over before the first step of it is told; then there is nothing to come back to.
  for (let attempt = 0; attempt < 10; attempt += 1) {
    const end = new AbortController();
    const onProgress = (): void => end.abort();
    const { code, stderr } = await command.run(['vm', 'reboot', 'web'], {
      signal: end.signal,
      onProgress,
    });
    if (code === 0) continue;
    const id = /goes on as operation (\S{36})\n/.exec(stderr)?.[1] ?? '';
    expect(stderr).toContain(`vm/web reboot goes on as operation ${id}\n`);
    expect(stderr).toContain(`to watch it again: limiquantix operation wait ${id}\n`);
    expect(code).toBe(130);
    expect((await run('operation', 'wait', id)).stdout).toBe('vm/web RebootVirtualMachine done\n');
    return;
  }
  throw new Error('the work was always over at once');
});

it('tells why work failed', async () => {
  await run('vm', 'start', 'web', 'db');
  const { code, stdout, stderr } = await run('node', 'drain', 'sim-1');
  expect([code, stdout]).not.toEqual([0, '']);
  expect(stderr).toMatch(
    /node\/sim-1 drain failed: .*; see: limiquantix describe operation \S{36}/,
  );
  await run('node', 'enable', 'sim-1');
});

it('edits by options: texts, entries, objects with names in them', async () => {
  const cases: [readonly string[], number, RegExp][] = [
    [
      ['node', 'update-labels', 'sim-1', '--set', 'rack=r1', '--set', 'row=2'],
      0,
      /^node\/sim-1 update-labels done\n$/,
    ],
    [
      ['node', 'add-taint', 'sim-1', '--key', 'gpu', '--taint', '{effect: prefer_no_schedule}'],
      0,
      /done/,
    ],
    [['node', 'remove-taint', 'sim-1', '--key', 'gpu'], 0, /done/],
    [
      [
        'vm',
        'attach-disk',
        'web',
        '--device',
        'data',
        '--disk',
        '{volume: {pool_id: local, size_gib: 1}}',
      ],
      0,
      /done/,
    ],
    [
      ['vm', 'resize-disk', 'web', '--device', 'data', '--size-gib', '2', '-o', 'json'],
      0,
      /"size_gib": 2/,
    ],
    [
      ['vm', 'resize-disk', 'web', '--device', 'data', '--size-gib', 'two'],
      2,
      /--size-gib: size_gib must be a whole number, not "two"/,
    ],
    [
      ['vm', 'resize-disk', 'web', '--device', 'data'],
      2,
      /required option '--size-gib <GiB>' not specified/,
    ],
    [
      ['vm', 'attach-disk', 'web', '--device', 'x', '--disk', '{volume: {pool_id: locl}}'],
      3,
      /no storage pool named locl; did you mean "local"/,
    ],
    [
      ['vm', 'attach-disk', 'web', '--device', 'x', '--disk', '{bus: scsi}'],
      2,
      /--disk: disk.bus must be one of .*virtio_scsi/,
    ],
    [['vm', 'stop', 'nope'], 3, /no vm named nope/],
    [['vm', 'stop'], 2, /which vm\? write: limiquantix vm stop NAME, or -l label=value/],
    [['vm', 'stop', '-l', 'app=none'], 0, /there are no vms that match/],
    [['node', 'enable', '-l', 'rack=r1'], 0, /^node\/sim-1 enable done\n$/],
    [['vm', 'stopp', 'web'], 2, /unknown command 'stopp'\n\(Did you mean stop\?\)/],
    [['vm', 'get-console', 'web'], 1, /GetConsole is not supported/],
    [['vm', 'explain-placement', 'web'], 0, /node_name: sim-1/],
    [['vm', 'list-events', 'web'], 0, /^NAME +READY +RESOURCE TYPE/],
    [['network', 'get-topology'], 0, /^nodes:\n/],
  ];
  for (const [args, code, message] of cases) {
    const ended = await run(...args);
    expect([args, ended.code, ended.stderr + ended.stdout]).toEqual([
      args,
      code,
      expect.stringMatching(message),
    ]);
  }
  expect((await run('get', 'nodes', '-l', 'rack=r1,row=2', '-o', 'name')).stdout).toBe(
    'node/sim-1\n',
  );
});
