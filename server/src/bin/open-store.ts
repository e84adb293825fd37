/** Where an installation's state is, as the command line says it, and how that is opened. */
import { randomBytes } from 'node:crypto';
import { InvalidArgumentError, Option } from 'commander';
import type { Log } from '../log.js';
import type { Clock } from '../reconcile/clock.js';
import type { EtcdTls } from '../store/etcd/client.js';
import type { Store } from '../store/store.js';
import { readTlsFiles } from './tls-files.js';

/** A place for state. */
export type StoreLocation =
  | { readonly kind: 'sqlite'; readonly path: string }
  | { readonly kind: 'etcd'; readonly endpoints: readonly string[]; readonly prefix: string };

/** Files for TLS to etcd, as options of a command. */
export interface StoreTlsOptions {
  readonly storeCa?: string;
  readonly storeCert?: string;
  readonly storeKey?: string;
}

/** What opening needs. */
export interface OpenStoreOptions {
  readonly tls: EtcdTls | undefined;
  readonly clock: Clock;
  readonly log: Pick<Log, 'warn'>;
}

const prefixDefault = 'limiquantix/';
const endpointPattern = /^(\[[0-9a-fA-F:]+\]|[A-Za-z0-9._-]+):\d{1,5}$/;
const prefixPattern = /^[A-Za-z0-9._/-]{1,200}$/;

/** A location such as `sqlite:PATH` or `etcd://host:port,host:port?prefix=p/`. */
export function parseStoreLocation(text: string): StoreLocation {
  if (text.startsWith('sqlite:') && text.length > 'sqlite:'.length) {
    return { kind: 'sqlite', path: text.slice('sqlite:'.length) };
  }
  const [, hosts, query] = /^etcd:\/\/([^/?]+)\/?(?:\?(.*))?$/.exec(text) ?? [];
  const endpoints = hosts?.split(',') ?? [];
  if (endpoints.length === 0 || !endpoints.every((one) => endpointPattern.test(one))) {
    throw new InvalidArgumentError(
      'give sqlite:PATH, or etcd://HOST:PORT,HOST:PORT with ?prefix=NAME/ if it is not limiquantix/',
    );
  }
  const values = new URLSearchParams(query);
  const prefix = values.get('prefix') ?? prefixDefault;
  const unknown = [...values.keys()].find((key) => key !== 'prefix');
  if (unknown !== undefined) throw new InvalidArgumentError(`there is no parameter ${unknown}`);
  if (!prefixPattern.test(prefix)) {
    throw new InvalidArgumentError('a prefix has letters, digits and . _ / -, at most 200');
  }
  return { kind: 'etcd', endpoints, prefix };
}

/** The options for TLS to etcd. */
export const storeTlsOptions = (): readonly Option[] => [
  new Option('--store-ca <file>', "etcd: the CA of its members' certificates; makes it TLS"),
  new Option('--store-cert <file>', 'etcd: our client certificate'),
  new Option('--store-key <file>', "etcd: that certificate's key"),
];

/** Reads the files for TLS; undefined where none is named. */
export async function readStoreTls(options: StoreTlsOptions): Promise<EtcdTls | undefined> {
  const { storeCa, storeCert, storeKey } = options;
  return readTlsFiles({ ca: storeCa, cert: storeCert, key: storeKey });
}

/** Opens a store. Throws STORE_LOCKED, STORE_UNAVAILABLE and what else each implementation says. */
export async function openStore(
  location: StoreLocation,
  { tls, clock, log }: OpenStoreOptions,
): Promise<Store> {
  const nowMs = (): number => clock.nowMs();
  if (location.kind === 'sqlite') {
    const { openSqliteStore } = await import('../store/sqlite.js');
    return openSqliteStore({ path: location.path, nowMs });
  }
  const { openEtcdStore } = await import('../store/etcd/etcd.js');
  const { endpoints, prefix } = location;
  return openEtcdStore({
    ...{ endpoints, prefix, tls, nowMs },
    timers: clock,
    writer: randomBytes(8).toString('hex'),
    onFailure: (err) => log.warn('etcd could not be followed; going on', { err }),
  });
}
