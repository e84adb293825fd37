/** `completion`: prints the script for a shell; and what that script asks. */
import { Argument, Command } from 'commander';
import type { Cli } from './cli.js';
import { completionHelp, completionScripts, type Shell, shells } from './completion-scripts.js';

/** The commands; `program` gives the whole program, to look what it has. */
export function completionCommands(cli: Cli, program: () => Promise<Command>): Command[] {
  return [
    new Command('completion')
      .description('print the script that lets a shell complete commands, types and names')
      .addArgument(new Argument('<shell>', 'the shell').choices([...shells]))
      .addHelpText('after', completionHelp)
      .action((shell: Shell) => {
        cli.stdout.write(completionScripts[shell]);
      }),
    new Command('__complete')
      .argument('[words...]')
      .allowUnknownOption()
      .action(async (words: string[]) => {
        const { complete, namesFrom } = await import('./complete.js');
        for (const { value, text } of await complete(await program(), words, namesFrom(cli))) {
          cli.stdout.write(`${value}\t${text}\n`);
        }
      }),
  ];
}
