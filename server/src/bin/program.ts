/** The commands of `limiquantix`, and what the process ends with. */
import { parseTraceparent } from '@limiquantix/proto/trace/traceparent.js';
import { Command, CommanderError, type Option } from 'commander';
import type { Cli } from './cli.js';
import { completionCommands } from './completion-command.js';
import { examplesHelp } from './examples.js';
import { openTracing } from './open-tracing.js';
import { version } from './version.js';

/**
 * The commands by what defines them: only what is asked for is loaded, so that a `get` doesn't wait
 * for what a server is made of.
 */
const groups: readonly Group[] = [
  {
    names: ['server'],
    load: async (cli) => [(await import('./command-server.js')).serverCommand(cli)],
  },
  {
    names: ['agent'],
    load: async (cli) => [(await import('./command-agent.js')).agentCommand(cli)],
  },
  {
    names: [
      'get',
      'describe',
      'create',
      'apply',
      'diff',
      'edit',
      'delete',
      'watch',
      'wait',
      'explain',
    ],
    load: async (cli) => (await import('./standard-commands.js')).standardCommands(cli),
  },
  {
    names: ['token'],
    load: async (cli) => [(await import('./command-token.js')).tokenCommand(cli)],
  },
  {
    names: ['store'],
    load: async (cli) => [(await import('./command-store.js')).storeCommand(cli)],
  },
  {
    names: ['doctor'],
    load: async (cli) => [(await import('./command-doctor.js')).doctorCommand(cli)],
  },
  { names: ['lab'], load: async (cli) => [(await import('./command-lab.js')).labCommand(cli)] },
  {
    names: ['completion', '__complete'],
    load: async (cli) => completionCommands(cli, () => createProgram(cli, undefined)),
  },
  { names: ['version'], load: async (cli) => [versionCommand(cli)] },
];

interface Group {
  readonly names: readonly string[];
  readonly load: (cli: Cli) => Promise<readonly Command[]>;
}

/** The commands of resource types; more than one hundred, so made only where they are asked for. */
async function resourceCommands(cli: Cli, name: string | undefined): Promise<readonly Command[]> {
  const [{ methodCommand, methodCommands }, { joinTokenCommand }] = await Promise.all([
    import('./method-commands.js'),
    import('./command-token.js'),
  ]);
  const one = name === undefined ? undefined : methodCommand(cli, name);
  const commands = one === undefined ? methodCommands(cli) : [one];
  commands.find((command) => command.name() === 'node')?.addCommand(joinTokenCommand(cli));
  return commands;
}

/** Runs the command that the arguments name; resolves with the exit code. */
export async function runProgram(cli: Cli, args: readonly string[]): Promise<number> {
  try {
    await traced(cli, args[0], async (own) => {
      const program = await createProgram(own, args[0]);
      await program.parseAsync([...args], { from: 'user' });
    });
    return 0;
  } catch (error) {
    return endWith(cli, error);
  }
}

/** Those that run for long, and trace what they are asked, or that ask nobody. */
const untraced = new Set(['server', 'agent', 'lab', 'store', 'completion', 'version', 'explain']);

/** Runs a command as one span of the trace that it was started in, or of one of its own. */
async function traced(
  cli: Cli,
  name: string | undefined,
  run: (cli: Cli) => Promise<void>,
): Promise<void> {
  if (name === undefined || untraced.has(name) || !/^[a-z]/.test(name)) return run(cli);
  const { env } = cli;
  const traceparent = parseTraceparent(env['TRACEPARENT']) ? (env['TRACEPARENT'] ?? '') : '';
  const { tracing, close } = await openTracing({ service: 'limiquantix', env, traceparent });
  const work = { name: `limiquantix ${name}`, cause: traceparent, isBeginning: true };
  try {
    await tracing.enter(work, () => run({ ...cli, tracing }));
  } finally {
    await close();
  }
}

/** The program with the command of that name, or with all where there is none of it. */
export async function createProgram(cli: Cli, name: string | undefined): Promise<Command> {
  const program = new Command('limiquantix')
    .description('A virtualization platform that is declared as code.')
    .version(versionText(), '-V, --version', 'print the version')
    .exitOverride()
    .configureOutput({
      writeOut: cli.stdout.write,
      writeErr: cli.stderr.write,
      outputError: (text, write) => write(text.replace(/^error: /, 'limiquantix: ')),
    })
    .showSuggestionAfterError();
  for (const command of await commandsFor(cli, name)) {
    const isHidden = command.name().startsWith('__');
    program.addCommand(inherit(command, program), { hidden: isHidden });
  }
  addExamples(program, []);
  return program;
}

/** The commands that a first word asks for: one, or all where it is none of them. */
async function commandsFor(cli: Cli, name: string | undefined): Promise<Command[]> {
  if (name === '--version' || name === '-V') return [];
  const asked = groups.filter(({ names }) => name !== undefined && names.includes(name));
  const loaded = await Promise.all(
    (asked.length > 0 ? asked : groups).map(({ load }) => load(cli)),
  );
  const commands = loaded.flat();
  if (asked.length > 0) return commands;
  const ofTypes = await resourceCommands(cli, name);
  return ofTypes.length === 1 ? [...ofTypes] : [...commands, ...ofTypes];
}

function addExamples(command: Command, words: readonly string[]): void {
  const text = examplesHelp(words);
  if (text !== '') command.addHelpText('after', text);
  for (const child of command.commands) addExamples(child, [...words, child.name()]);
}

async function endWith(cli: Cli, error: unknown): Promise<number> {
  const [{ exitCodeOf, exitCodes }, { tellError }] = await Promise.all([
    import('./exit-code.js'),
    import('./tell-error.js'),
  ]);
  if (error instanceof CommanderError) {
    const isUsage = error.code.startsWith('commander.') && error.exitCode !== 0;
    return isUsage ? exitCodes.usage.code : error.exitCode;
  }
  if (cli.signal.aborted) return exitCodes.interrupted.code;
  cli.stderr.write(tellError(error));
  return exitCodeOf(error);
}

function versionCommand(cli: Cli): Command {
  return new Command('version').description('print the version').action(() => {
    cli.stdout.write(`${versionText()}\n`);
  });
}

const versionText = (): string => `limiquantix ${version} (Node ${process.versions.node})`;

/** A command that is added has not the settings of the one that it is added to. */
function inherit(command: Command, parent: Command): Command {
  command.copyInheritedSettings(parent);
  // Help has groups in the order of the options: what a command takes comes before what all take.
  const isShared = ({ helpGroupHeading }: Option): number =>
    helpGroupHeading === undefined ? 0 : 1;
  (command.options as Option[]).sort((one, other) => isShared(one) - isShared(other));
  for (const child of command.commands) inherit(child, command);
  return command;
}
