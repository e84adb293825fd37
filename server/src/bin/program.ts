/** The commands of `limiquantix`, and how their failures are told: each once, with what to do. */
import { Code, ConnectError } from '@connectrpc/connect';
import { BadRequestSchema } from '@limiquantix/proto/google/rpc/error_details_pb.js';
import { Command, CommanderError } from 'commander';
import { LimiError } from '../resource/error.js';
import type { Cli } from './cli.js';
import { agentCommand } from './command-agent.js';
import { labCommand } from './command-lab.js';
import { resourceCommands } from './command-resource.js';
import { serverCommand } from './command-server.js';
import { nodeCommand, tokenCommand } from './command-token.js';
import { version } from './version.js';

/** Runs the command that the arguments name; resolves with the exit code. */
export async function runProgram(cli: Cli, args: readonly string[]): Promise<number> {
  const program = new Command('limiquantix')
    .description('A virtualization platform that is declared as code.')
    .exitOverride()
    .configureOutput({ writeOut: cli.stdout.write, writeErr: cli.stderr.write })
    .showSuggestionAfterError();
  const commands = [
    serverCommand(cli),
    agentCommand(cli),
    ...resourceCommands(cli),
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
    if (error instanceof CommanderError) return error.exitCode;
    if (cli.signal.aborted) return 130;
    cli.stderr.write(describe(error));
    return 1;
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

function describe(error: unknown): string {
  if (error instanceof LimiError) return tell(error.message, error.violations, error.cause);
  if (error instanceof ConnectError) {
    const violations = error
      .findDetails(BadRequestSchema)
      .flatMap(({ fieldViolations }) => fieldViolations)
      .map(({ field, description }) => ({ path: field, message: description }));
    return tell(hinted(error), violations, undefined);
  }
  if (error instanceof Error && 'code' in error) return tell(error.message, [], undefined);
  return tell(
    error instanceof Error ? (error.stack ?? error.message) : String(error),
    [],
    undefined,
  );
}

function tell(
  message: string,
  violations: readonly { path: string; message: string }[],
  cause: unknown,
): string {
  // A message that says all that its violations say needs no list below it.
  const news = violations.filter((one) => !message.includes(one.message));
  const lines = news.map((one) => `  ${one.path}: ${one.message}`);
  const because = cause instanceof Error ? [`  because: ${cause.message}`] : [];
  return `${[`limiquantix: ${message}`, ...lines, ...because].join('\n')}\n`;
}

function hinted(error: ConnectError): string {
  if (error.code === Code.Unavailable) {
    return `the control plane can't be reached: ${error.rawMessage}`;
  }
  return error.rawMessage;
}
