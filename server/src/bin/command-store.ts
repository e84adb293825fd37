/** `limiquantix store`: moves an installation's state from one kind of store to another. */
import { Command, Option } from 'commander';
import type { Cli } from './cli.js';
import { systemClock } from './effects.js';
import {
  type OpenStoreOptions,
  openStore,
  parseStoreLocation,
  readStoreTls,
  type StoreLocation,
  type StoreTlsOptions,
  storeTlsOptions,
} from './open-store.js';

interface CopyOptions extends StoreTlsOptions {
  readonly from: StoreLocation;
  readonly to: StoreLocation;
}

/** The command. */
export function storeCommand(cli: Cli): Command {
  const command = new Command('store').description("the place of an installation's state");
  const copy = command
    .command('copy')
    .description('copy the state of a stopped installation into an empty store, and compare both')
    .addOption(locationOption('--from <store>', 'where the state is'))
    .addOption(locationOption('--to <store>', 'where it shall be'));
  for (const option of storeTlsOptions()) copy.addOption(option);
  copy.action((options: CopyOptions) => copyAll(cli, options));
  return command;
}

const locationOption = (flags: string, text: string): Option =>
  new Option(flags, `${text}: sqlite:PATH or etcd://HOST:PORT,HOST:PORT[?prefix=NAME/]`)
    .argParser(parseStoreLocation)
    .makeOptionMandatory();

async function copyAll(cli: Cli, options: CopyOptions): Promise<void> {
  const { copyStore } = await import('../store/copy.js');
  const log: OpenStoreOptions['log'] = {
    warn: (message) => cli.stderr.write(`${message}\n`),
  };
  const opening = { tls: await readStoreTls(options), clock: systemClock, log };
  const from = await openStore(options.from, opening);
  try {
    const to = await openStore(options.to, opening);
    try {
      const { keys, bytes } = await copyStore(from, to);
      cli.stdout.write(`copied and compared ${keys} keys, ${bytes} bytes\n`);
    } finally {
      await to.close();
    }
  } finally {
    await from.close();
  }
}
