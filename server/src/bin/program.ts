/** The commands of `limiquantix`, and how their failures are told: each once, with what to do. */
import { Command, CommanderError } from 'commander';
import type { Cli } from './cli.js';
import { agentCommand } from './command-agent.js';
import { labCommand } from './command-lab.js';
import { serverCommand } from './command-server.js';
import { nodeCommand, tokenCommand } from './command-token.js';
import { exitCodeOf, exitCodes } from './exit-code.js';
import { standardCommands } from './standard-commands.js';
import { tellError } from './tell-error.js';
import { version } from './version.js';

/** Runs the command that the arguments name; resolves with the exit code. */
export async function runProgram(cli: Cli, args: readonly string[]): Promise<number> {
  const program = new Command('limiquantix')
    .description('A virtualization platform that is declared as code.')
    .exitOverride()
    .configureOutput({
      writeOut: cli.stdout.write,
      writeErr: cli.stderr.write,
      outputError: (text, write) => write(text.replace(/^error: /, 'limiquantix: ')),
    })
    .showSuggestionAfterError();
  const commands = [
    serverCommand(cli),
    agentCommand(cli),
    ...standardCommands(cli),
    nodeCommand(cli),
    tokenCommand(cli),
    labCommand(cli),
    versionCommand(cli),
  ];
  for (const command of commands) program.addCommand(inherit(command, program));
  try {
    await program.parseAsync([...args], { from: 'user' });
    return 0;
  } catch (error) {
    if (error instanceof CommanderError) {
      return error.exitCode === 0 ? exitCodes.ok.code : exitCodes.usage.code;
    }
    if (cli.signal.aborted) return exitCodes.interrupted.code;
    cli.stderr.write(tellError(error));
    return exitCodeOf(error);
  }
}

function versionCommand(cli: Cli): Command {
  return new Command('version').description('print the version').action(() => {
    cli.stdout.write(`limiquantix ${version} (Node ${process.versions.node})\n`);
  });
}

/** A command that is added has not the settings of the one that it is added to. */
function inherit(command: Command, parent: Command): Command {
  command.copyInheritedSettings(parent);
  for (const child of command.commands) inherit(child, command);
  return command;
}
