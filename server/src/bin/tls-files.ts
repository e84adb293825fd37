/** Files for TLS to a backend, as a command's options name them. */
import { readFile } from 'node:fs/promises';
import { Code } from '@connectrpc/connect';
import { LimiError } from '../resource/error.js';
import type { TlsOptions } from '../wire/ovsdb/endpoint.js';

/** The files that were named. */
export interface TlsFiles {
  readonly ca: string | undefined;
  readonly cert: string | undefined;
  readonly key: string | undefined;
}

/** What is in them, PEM; undefined where none is named. */
export async function readTlsFiles(files: TlsFiles): Promise<TlsFiles | undefined> {
  if (Object.values(files).every((file) => file === undefined)) return undefined;
  const read = async (file: string | undefined): Promise<string | undefined> =>
    file === undefined ? undefined : readFile(file, 'utf8');
  const [ca, cert, key] = await Promise.all([read(files.ca), read(files.cert), read(files.key)]);
  return { ca, cert, key };
}

/** Files for TLS to OVN's databases, as options of a command. */
export interface OvnTlsOptions {
  readonly ovnCa?: string;
  readonly ovnCert?: string;
  readonly ovnKey?: string;
}

/**
 * Reads the files for TLS to OVN; undefined where none is named. Throws OVN_TLS_INCOMPLETE where
 * only some are: its databases ask who connects, and theirs is a CA of their own.
 */
export async function readOvnTls(options: OvnTlsOptions): Promise<TlsOptions | undefined> {
  const { ovnCa, ovnCert, ovnKey } = options;
  const tls = await readTlsFiles({ ca: ovnCa, cert: ovnCert, key: ovnKey });
  if (tls === undefined) return undefined;
  const { ca, cert, key } = tls;
  if (ca === undefined || cert === undefined || key === undefined) throw incomplete();
  return { caPem: ca, certificatePem: cert, privateKeyPem: key };
}

const incomplete = (): LimiError =>
  new LimiError({
    code: Code.InvalidArgument,
    reason: 'OVN_TLS_INCOMPLETE',
    message: 'TLS to OVN needs --ovn-ca, --ovn-cert and --ovn-key together; give all three',
  });
