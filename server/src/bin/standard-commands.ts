/**
 * `get`, `describe`, `create`, `apply`, `edit`, `delete`, `watch` and their kin: the standard methods
 * on the command line, for every resource type of the contract. Only what they take is here; what
 * they do is loaded when they run.
 */
import { Command, CommanderError, Option } from 'commander';
import { type Cli, collect, parseDuration, selectorOption, withProjectOptions } from './cli.js';
import { type Format, outputOption } from './formats.js';
import type { ProjectArguments, SelectionArguments } from './session.js';

/** The options of `get`. */
export interface GetOptions extends SelectionArguments {
  readonly watch?: boolean;
  readonly output?: Format;
  readonly sortBy?: string;
}

/** The options of commands that read files. */
export interface FileOptions extends ProjectArguments {
  readonly file: readonly string[];
  readonly output?: Format;
}

/** The options of `apply`. */
export interface ApplyOptions extends FileOptions {
  readonly dryRun?: boolean;
  readonly allowDisruption?: string;
}

/** The options of `delete`. */
export interface DeleteOptions extends ProjectArguments {
  readonly force?: boolean;
  readonly wait: boolean;
  readonly timeout: number;
}

/** The options of `wait`. */
export interface WaitOptions extends ProjectArguments {
  readonly for: string;
  readonly timeout: number;
}

/** Waiting ends after this many seconds where nothing else is said. */
const timeoutSecondsDefault = 300;

/** The commands. */
export function standardCommands(cli: Cli): Command[] {
  return [
    getCommand(cli),
    describeCommand(cli),
    createCommand(cli),
    applyCommand(cli),
    diffCommand(cli),
    editCommand(cli),
    deleteCommand(cli),
    watchCommand(cli),
    waitCommand(cli),
    explainCommand(cli),
  ];
}

function getCommand(cli: Cli): Command {
  return selecting(new Command('get'))
    .description('show resources')
    .argument('<type>', 'a type such as vm, several as vms,networks, or type/name')
    .argument('[names...]', 'names or ids; without any, all of the type')
    .addOption(outputOption())
    .addOption(sortOption())
    .option('-w, --watch', 'go on with each change, until it is interrupted')
    .action(async (type: string, names: string[], options: GetOptions) => {
      if (options.watch === true) {
        const { watch } = await import('./watch.js');
        return watch(cli, [type, ...names], options);
      }
      const { get } = await import('./get.js');
      await get(cli, [type, ...names], options);
    });
}

/** `list`, as a type's own command: what `get` shows of it. */
export function listCommand(cli: Cli, type: string): Command {
  return selecting(new Command('list'))
    .description('show them, as get does')
    .addOption(outputOption())
    .addOption(sortOption())
    .action(async (options: GetOptions) => {
      const { get } = await import('./get.js');
      await get(cli, [type], options);
    });
}

function sortOption(): Option {
  const text = 'order by a field, such as status.phase; -created_at for the newest first';
  return new Option('--sort-by <field>', text);
}

function describeCommand(cli: Cli): Command {
  return withProjectOptions(new Command('describe'))
    .description('show everything about resources: spec, status, conditions, events')
    .argument('<type>', 'a type such as vm, or type/name')
    .argument('[names...]', 'names or ids')
    .action(async (type: string, names: string[], options: ProjectArguments) => {
      const { describe } = await import('./get.js');
      await describe(cli, [type, ...names], options);
    });
}

function createCommand(cli: Cli): Command {
  return fromFiles(new Command('create'))
    .description('create the resources in YAML or JSON files')
    .action(async (options: FileOptions) => {
      const { createFromFiles } = await import('./create-files.js');
      await createFromFiles(cli, options);
    });
}

function applyCommand(cli: Cli): Command {
  return fromFiles(new Command('apply'))
    .description(
      'make resources as YAML or JSON files say: create what is missing, change what differs',
    )
    .option('--dry-run', 'only tell what would happen, what it costs, and where it would run')
    .addOption(
      new Option(
        '--allow-disruption <most>',
        'refuse changes that cost what runs more than this',
      ).choices(['live', 'next_boot', 'restart', 'migrate']),
    )
    .action(async (options: ApplyOptions) => {
      const { applyFiles } = await import('./apply.js');
      await applyFiles(cli, options);
    });
}

function diffCommand(cli: Cli): Command {
  return withProjectOptions(new Command('diff'))
    .description('show what apply would change; exit code 8 if anything')
    .addOption(fileOption())
    .action(async (options: FileOptions) => {
      const { diffFiles } = await import('./diff.js');
      const code = await diffFiles(cli, options);
      if (code !== 0) throw new CommanderError(code, 'limiquantix.differs', '');
    });
}

function editCommand(cli: Cli): Command {
  return withProjectOptions(new Command('edit'))
    .description('change resources in your editor ($VISUAL, $EDITOR or vi)')
    .argument('<type>', 'a type such as vm, or type/name')
    .argument('[names...]', 'names or ids')
    .action(async (type: string, names: string[], options: ProjectArguments) => {
      const { edit } = await import('./edit.js');
      await edit(cli, [type, ...names], options);
    });
}

function waitCommand(cli: Cli): Command {
  return withProjectOptions(new Command('wait'))
    .description('wait until resources are as wanted, or gone')
    .argument('<type>', 'a type such as vm, or type/name')
    .argument('[names...]', 'names or ids')
    .option(
      '--for <goal>',
      'condition=NAME, condition=NAME=false, deleted, or a field such as status.phase=running',
      'condition=Ready',
    )
    .addOption(timeoutOption())
    .action(async (type: string, names: string[], options: WaitOptions) => {
      const { wait } = await import('./wait.js');
      await wait(cli, [type, ...names], options);
    });
}

function explainCommand(cli: Cli): Command {
  return new Command('explain')
    .description('say what a type or a field is, what it takes, and what changing it costs')
    .argument('[field]', 'such as vm, vm.spec.cpu or vm.spec.cpu.cores; without it, all types')
    .option('--recursive', 'all fields below')
    .action(async (word: string | undefined, options: { recursive?: boolean }) => {
      const { explain, listTypes } = await import('./explain.js');
      if (word === undefined) listTypes(cli);
      else explain(cli, word, { isRecursive: options.recursive ?? false });
    });
}

function deleteCommand(cli: Cli): Command {
  return withProjectOptions(new Command('delete'))
    .description('delete resources and wait until they are gone')
    .argument('<type>', 'a type such as vm, or type/name')
    .argument('[names...]', 'names or ids')
    .option(
      '--force',
      "remove them even where their node can't be asked, or doesn't do it within 30 s",
    )
    .option('--no-wait', 'only request the deletion')
    .addOption(timeoutOption())
    .action(async (type: string, names: string[], options: DeleteOptions) => {
      const { deleteResources } = await import('./delete.js');
      await deleteResources(cli, [type, ...names], options);
    });
}

function watchCommand(cli: Cli): Command {
  return selecting(new Command('watch'))
    .description('show what is, and then each change, until it is interrupted')
    .argument('<type>', 'a type such as vm')
    .action(async (type: string, options: SelectionArguments) => {
      const { watch } = await import('./watch.js');
      await watch(cli, [type], options);
    });
}

/** Adds the options that pick some of the resources. */
function selecting(command: Command): Command {
  return withProjectOptions(command)
    .option(
      '--filter <terms>',
      "only those that match: path=value, joined by AND, or CEL such as 'spec.cpu.cores > 2'",
    )
    .addOption(selectorOption('only those with such labels, between commas or repeated'));
}

/** Adds the options of commands that read files and show what came of it. */
function fromFiles(command: Command): Command {
  return withProjectOptions(command).addOption(fileOption()).addOption(outputOption());
}

function fileOption(): Option {
  return new Option('-f, --file <path>', 'a file or folder, - for standard input; may be repeated')
    .argParser(collect)
    .makeOptionMandatory();
}

function timeoutOption(): Option {
  return new Option('--timeout <duration>', 'how long to wait, such as 90s, 5m or 1h')
    .argParser(parseDuration)
    .default(timeoutSecondsDefault, '5m');
}
