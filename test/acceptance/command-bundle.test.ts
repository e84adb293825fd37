/** The command as it ships: its chunks load, and it ends as it should. */
import { spawn } from 'node:child_process';
import { CommandLine } from '../harness/command-line.js';
import { commandBundle } from '../harness/paths.js';

jest.setTimeout(300_000);

let command: CommandLine;
beforeAll(async () => {
  command = await CommandLine.start();
});
afterAll(() => command.stop());

interface Spawned {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the bundle; `interruptAt` sends Ctrl-C when standard output has that text. */
function run(args: readonly string[], { stdin = '', interruptAt = '' } = {}): Promise<Spawned> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [commandBundle, ...args], {
      env: {
        ...process.env,
        LIMIQUANTIX_PROFILE: command.server.profilePath,
        XDG_CACHE_HOME: command.directory,
      },
      timeout: 60_000,
    });
    let [stdout, stderr] = ['', ''];
    child.stdout.on('data', (text) => {
      stdout += text;
      if (interruptAt !== '' && stdout.includes(interruptAt)) child.kill('SIGINT');
    });
    child.stderr.on('data', (text) => {
      stderr += text;
    });
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, stdout, stderr }));
    child.stdin.end(stdin);
  });
}

it('loads what each command needs', async () => {
  const file = 'type: vm\nname: web\nspec: { cpu: { cores: 1 }, memory: { size_mib: 64 } }\n';
  const cases: [readonly string[], number, RegExp, string?][] = [
    [['--version'], 0, /^limiquantix \d+\.\d+\.\d+ \(Node \d+/],
    [['--help'], 0, /What resources can do:\n {2}node\|nodes /],
    [['apply', '-f', '-', '--dry-run'], 0, /^vm\/web would be created\n/, file],
    [['apply', '-f', '-'], 0, /^vm\/web created\n$/, file],
    [['get', 'vms'], 0, /^NAME +READY/],
    [['get', 'vm', 'web', '-o', 'yaml'], 0, /^type: vm\n/],
    [['describe', 'vm', 'web'], 0, /^Name: +web\n/],
    [['diff', '-f', '-'], 8, /^--- vm\/web\n/, file.replace('64', '128')],
    [['wait', 'vm/web', '--timeout', '30s'], 0, /^vm\/web condition=Ready\n$/],
    [['vm', 'stop', 'web'], 0, /^vm\/web stop done\n$/],
    [['node', 'join-token'], 0, /^lqxj_/],
    [['token', 'list'], 0, /admin/],
    [['explain', 'vm.cpu.cores'], 0, /^Field: +vm\.spec\.cpu\.cores\n/],
    [['completion', 'bash'], 0, /^# bash completion/],
    [['__complete', '--', 'get', 'vm', 'w'], 0, /^web\tvm\n$/],
    [['server', '--help'], 0, /--data-dir/],
    [['agent', '--help'], 0, /--join-token/],
    [['lab', '--help'], 0, /lab up --nodes 2/],
    [['get', 'vm', 'nope'], 3, /^$/],
    [['delete', 'vm', 'web'], 0, /^vm\/web deleted\n$/],
  ];
  for (const [args, code, wanted, stdin = ''] of cases) {
    const ended = await run(args, { stdin });
    expect([args, ended.code, ended.stdout, ended.stderr]).toEqual([
      args,
      code,
      expect.stringMatching(wanted),
      expect.any(String),
    ]);
  }
});

it('ends a watch by Ctrl-C', async () => {
  const { code, stdout } = await run(['get', 'nodes', '-w'], { interruptAt: 'sim-1' });
  expect([code, stdout]).toEqual([130, expect.stringMatching(/^added +sim-1 /)]);
});
