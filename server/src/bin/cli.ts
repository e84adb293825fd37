/**
 * What the commands of the command line share: where text goes, the environment, and the client
 * made from the options that every client command has.
 */
import type { Transport } from '@connectrpc/connect';
import { type Command, InvalidArgumentError, Option } from 'commander';
import type { Tracing } from '../tracing.js';
import type { Environment, ProfileArguments } from './profile.js';

/** The process around a command. */
export interface Cli {
  readonly env: Environment;
  readonly stdout: Output;
  readonly stderr: Output;
  /** All of standard input. */
  readonly readStdin: () => Promise<string>;
  readonly nowMs: () => number;
  /** Records what a command asks of the control plane; nobody without it. */
  readonly tracing?: Tracing;
  /** Aborts when the user wants the command to end. */
  readonly signal: AbortSignal;
}

/** Where text goes. */
export interface Output {
  readonly isTerminal: boolean;
  readonly write: (text: string) => void;
}

const controlPlane = 'Which control plane:';

/** Adds the options that say where the control plane is. */
export function withProfileOptions(command: Command): Command {
  const options: [flags: string, text: string][] = [
    ['--profile <file>', 'profile file with endpoint, CA and token'],
    ['--endpoint <url>', "the control plane's URL"],
    ['--token <token>', 'API token'],
    ['--ca-certificate <pem-or-file>', "the CA's certificate"],
  ];
  return withGroup(command, controlPlane, options);
}

/** Adds the options that say which project is meant. */
export function withProjectOptions(command: Command): Command {
  return withGroup(withProfileOptions(command), controlPlane, [
    ['--project <name>', 'the project that is meant, by name or id'],
    ['-A, --all-projects', 'all projects, even where the profile names one'],
  ]);
}

function withGroup(
  command: Command,
  heading: string,
  options: readonly (readonly [flags: string, text: string])[],
): Command {
  for (const [flags, text] of options) {
    command.addOption(new Option(flags, text).helpGroup(heading));
  }
  return command;
}

/** The option `-l`; `text` says whose labels it is about. */
export function selectorOption(text: string): Option {
  const forms = 'app=web, app!=web, "app in (web, db)", "app notin (db)", app, !app';
  return new Option('-l, --selector <labels>', `${text}: ${forms}`).argParser(collect);
}

/** The transport to the control plane that the options and the environment name. */
export async function transportFor(cli: Cli, options: ProfileArguments): Promise<Transport> {
  const [{ findProfile }, { createTransport }] = await Promise.all([
    import('./profile.js'),
    import('./resource-client.js'),
  ]);
  return createTransport(await findProfile(options, cli.env), cli.tracing);
}

const secondsIn: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3_600, d: 86_400 };

/** A duration such as `90s`, `30m`, `12h` or `30d`, in seconds. */
export function parseDuration(text: string): number {
  const match = /^(\d{1,6})([smhd])$/.exec(text);
  const seconds = Number(match?.[1]) * (secondsIn[match?.[2] ?? ''] ?? Number.NaN);
  if (!Number.isFinite(seconds)) {
    throw new InvalidArgumentError('give a number with s, m, h or d, such as 12h');
  }
  return seconds;
}

/** A whole number from a least value on. */
export function parseCount(least: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!/^\d{1,9}$/.test(text) || value < least) {
      throw new InvalidArgumentError(`give a whole number from ${least} on`);
    }
    return value;
  };
}

/** Collects an option that may be given several times. */
export function collect(value: string, before: readonly string[] | undefined): readonly string[] {
  return [...(before ?? []), value];
}
