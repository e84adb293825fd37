import { execFileSync } from 'node:child_process';
import type { Command } from 'commander';
import { contractTypes } from '../resource/type-registry.js';
import type { Cli } from './cli.js';
import { complete } from './complete.js';
import { completionScripts } from './completion-scripts.js';
import { docsPage } from './docs-page.js';
import { examplesOf } from './examples.js';
import { methodsOf } from './method-words.js';
import { createProgram, runProgram } from './program.js';

function fakeCli(): { cli: Cli; written: string[] } {
  const written: string[] = [];
  const output = {
    isTerminal: false,
    write: (text: string) => {
      written.push(text);
    },
  };
  const cli: Cli = {
    env: {},
    stdout: output,
    stderr: output,
    readStdin: async () => '',
    nowMs: () => 0,
    signal: new AbortController().signal,
  };
  return { cli, written };
}

async function outputOf(...args: string[]): Promise<string> {
  const { cli, written } = fakeCli();
  await runProgram(cli, args);
  return written.join('');
}

const program = (): Promise<Command> => createProgram(fakeCli().cli, undefined);

const verbs = (type: string): string[] =>
  methodsOf(contractTypes.get(type)).map(({ verb }) => verb);

it('names methods as people do', () => {
  expect(verbs('vm')).toEqual(
    expect.arrayContaining([
      'start',
      'stop',
      'reboot',
      'create-snapshot',
      'attach-disk',
      'list-events',
    ]),
  );
  expect(verbs('node')).toEqual(
    expect.arrayContaining(['drain', 'preview-drain', 'add-taint', 'get-metrics']),
  );
  expect(verbs('storage_pool')).toEqual(
    expect.arrayContaining(['get-metrics', 'reconnect', 'assign-node']),
  );
  expect(verbs('operation')).toEqual(['wait', 'cancel']);
});

it.each(contractTypes.types)('gives each method of $type a word and options of its own', (type) => {
  const methods = methodsOf(type);
  expect(new Set(methods.map(({ verb }) => verb)).size).toBe(methods.length);
  for (const { flags } of methods) {
    expect(new Set(flags.map(({ name }) => name)).size).toBe(flags.length);
  }
});

it('makes options of the fields of a request', () => {
  const flags = (type: string, verb: string) => {
    const words = methodsOf(contractTypes.get(type)).find((one) => one.verb === verb);
    return words?.flags.map(({ name, kind, reference }) =>
      [name, kind, reference?.type].filter(Boolean).join(' '),
    );
  };
  expect(flags('vm', 'stop')).toEqual(['grace duration', 'force switch']);
  expect(flags('node', 'drain')).toEqual([
    'grace duration',
    'force switch',
    'target-node reference node',
  ]);
  expect(flags('vm', 'clone')).toEqual([
    'name text',
    'kind choice',
    'snapshot reference vm_snapshot',
    'start switch',
  ]);
  expect(flags('volume', 'move')).toEqual(['pool reference storage_pool']);
  expect(flags('vm', 'attach-disk')).toEqual(['device text', 'disk object']);
  expect(flags('node', 'update-labels')).toEqual(['set entry', 'remove text']);
});

it('shows help for every command, with examples that can be typed', async () => {
  expect(await outputOf('wait', '--help')).toBe(`Usage: limiquantix wait [options] <type> [names...]

wait until resources are as wanted, or gone

Arguments:
  type                            a type such as vm, or type/name
  names                           names or ids

Options:
  --for <goal>                    condition=NAME, condition=NAME=false, deleted,
                                  or a field such as status.phase=running
                                  (default: "condition=Ready")
  --timeout <duration>            how long to wait, such as 90s, 5m or 1h
                                  (default: 5m)
  -h, --help                      display help for command

Which control plane:
  --profile <file>                profile file with endpoint, CA and token
  --endpoint <url>                the control plane's URL
  --token <token>                 API token
  --ca-certificate <pem-or-file>  the CA's certificate
  --project <name>                the project that is meant, by name or id
  -A, --all-projects              all projects, even where the profile names one

Examples:
  # until it is ready
  limiquantix wait vm/web
  # until a field has a value
  limiquantix wait vm web db --for status.phase=stopped --timeout 2m
  # until it is gone
  limiquantix wait vm/web --for deleted
`);
  const root = await program();
  const visit = (command: Command, path: readonly string[]): void => {
    expect([path.join(' '), command.description()]).not.toEqual([path.join(' '), '']);
    for (const { line } of examplesOf(path))
      expect(line).toContain(`limiquantix ${path.join(' ')}`);
    const names = command
      .createHelp()
      .visibleCommands(command)
      .filter((one) => one.name() !== 'help');
    for (const child of names) visit(child, [...path, child.name()]);
  };
  visit(root, []);
});

it('has a page with every command', async () => {
  const page = docsPage(await program());
  for (const words of ['get', 'vm stop', 'node join-token', 'operation wait', 'lab up']) {
    expect(page).toMatch(new RegExp(`^#+ limiquantix ${words}$`, 'm'));
  }
  expect(page).toContain('| 3 | there is no such resource |');
  expect(page).toContain('| `--grace <duration>` | how long the guest may take');
});

describe('completion', () => {
  const names = async ({ type }: { type: string }) => [`${type}-a`, `${type}-b`];
  const cases: [string, string[]][] = [
    ['ge', ['get']],
    ['vm st', ['start', 'stop', 'stream-metrics']],
    ['get vm_t', ['vm_template']],
    ['get vm ', ['vm-a', 'vm-b']],
    ['get -o ', ['table', 'wide', 'yaml', 'json', 'name']],
    ['get vm -o y', ['yaml']],
    ['get -o yaml vm vm-', ['vm-a', 'vm-b']],
    ['get network/', ['network/network-a', 'network/network-b']],
    ['wait vm/vm-a network/', ['network/network-a', 'network/network-b']],
    ['vm stop web vm-a', ['vm-a']],
    ['vms stop vm-', ['vm-a', 'vm-b']],
    ['vm stop --gr', ['--grace']],
    ['node drain h1 --target-node ', ['node-a', 'node-b']],
    ['volume move data --pool ', ['storage_pool-a', 'storage_pool-b']],
    ['get vms --project ', ['project-a', 'project-b']],
    ['vm migrate web --kind ', ['live', 'offline']],
    ['explain vm.spec.cpu.co', ['vm.spec.cpu.cores']],
    ['completion ', ['bash', 'zsh', 'fish']],
    ['get cow ', []],
    ['get vm --filter ', []],
  ];
  it.each(cases)('of "%s"', async (typed, wanted) => {
    const found = await complete(await program(), typed.split(' '), names);
    expect(found.map(({ value }) => value)).toEqual(wanted);
  });

  it('is asked for by bash, also where a value has spaces', () => {
    const script = `
limiquantix() { [ "$1 $2" = "__complete --" ] && shift 2 && printf '%s\\ttext\\n' "got:$#:$*" two; }
${completionScripts.bash}
COMP_WORDS=(limiquantix get "a b" v); COMP_CWORD=3
_limiquantix
printf '%s|' "\${COMPREPLY[@]}"`;
    const answer = execFileSync('bash', ['-c', script], { encoding: 'utf8', timeout: 20_000 });
    expect(answer).toBe('got:3:get a b v|two|');
  });
});
