/**
 * `get`, `describe`, `create`, `delete` and `watch`: the standard methods on the command line, for
 * every resource type of the contract. Only what they take; what they do is loaded when they run.
 */
import { Command } from 'commander';
import { type Cli, collect, withProjectOptions } from './cli.js';
import { type Format, outputOption } from './formats.js';
import type { ProjectArguments, SelectionArguments } from './session.js';

/** The options of `get`. */
export interface GetOptions extends SelectionArguments {
  readonly output?: Format;
  readonly sortBy?: string;
}

/** The options of commands that read files. */
export interface FileOptions extends ProjectArguments {
  readonly file: readonly string[];
  readonly output?: Format;
}

/** The options of `delete`. */
export interface DeleteOptions extends ProjectArguments {
  readonly force?: boolean;
  readonly wait: boolean;
}

/** The commands. */
export function standardCommands(cli: Cli): Command[] {
  return [
    getCommand(cli),
    describeCommand(cli),
    createCommand(cli),
    deleteCommand(cli),
    watchCommand(cli),
  ];
}

function getCommand(cli: Cli): Command {
  return selecting(new Command('get'))
    .description('show resources')
    .argument('<type>', 'a type such as vm, several as vms,networks, or type/name')
    .argument('[names...]', 'names or ids; without any, all of the type')
    .addOption(outputOption())
    .option(
      '--sort-by <field>',
      'order by a field, such as status.phase; -created_at for newest first',
    )
    .action(async (type: string, names: string[], options: GetOptions) => {
      const { get } = await import('./get.js');
      await get(cli, [type, ...names], options);
    });
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

function deleteCommand(cli: Cli): Command {
  return withProjectOptions(new Command('delete'))
    .description('delete resources and wait until they are gone')
    .argument('<type>', 'a type such as vm, or type/name')
    .argument('[names...]', 'names or ids')
    .option('--force', "remove them even where their node can't be asked")
    .option('--no-wait', 'only request the deletion')
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
      await watch(cli, type, options);
    });
}

/** Adds the options that pick some of the resources. */
function selecting(command: Command): Command {
  return withProjectOptions(command)
    .option(
      '--filter <terms>',
      'only those that match, such as "status.phase=running AND spec.cpu.cores=2"',
    )
    .option('-l, --selector <label=value>', 'only those with the label; may be repeated', collect);
}

/** Adds the options of commands that read files. */
function fromFiles(command: Command): Command {
  return withProjectOptions(command)
    .requiredOption(
      '-f, --file <path>',
      'a file or folder, - for standard input; may be repeated',
      collect,
    )
    .addOption(outputOption());
}
