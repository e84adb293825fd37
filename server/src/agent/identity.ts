/**
 * Who a host is: its node's id, its key and certificate, and the CA that it trusts, kept in files
 * of mode 0600 in the agent's data directory. Written once, when the host joins.
 */
import { chmod, mkdir, open, readFile, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { Code } from '@connectrpc/connect';
import { LimiError } from '../resource/error.js';

/** A joined host. */
export interface NodeIdentity {
  readonly nodeId: string;
  /** The control plane's URL that it joined by. */
  readonly serverUrl: string;
  readonly keyPem: string;
  readonly certificatePem: string;
  readonly caPem: string;
}

const fileName = 'identity.json';

/** The identity in a data directory, or undefined where the host has not joined. */
export async function readIdentity(directory: string): Promise<NodeIdentity | undefined> {
  let text: string;
  try {
    text = await readFile(join(directory, fileName), 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  const parsed: unknown = JSON.parse(text);
  if (!isIdentity(parsed)) throw damaged();
  return parsed;
}

/** Stores an identity, all of it or none. */
export async function writeIdentity(directory: string, identity: NodeIdentity): Promise<void> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  await chmod(directory, 0o700);
  const path = join(directory, fileName);
  const file = await open(`${path}.part`, 'w', 0o600);
  try {
    await file.writeFile(`${JSON.stringify(identity, undefined, 2)}\n`);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(`${path}.part`, path);
}

function isIdentity(value: unknown): value is NodeIdentity {
  if (typeof value !== 'object' || value === null) return false;
  const fields = ['nodeId', 'serverUrl', 'keyPem', 'certificatePem', 'caPem'];
  return fields.every((name) => typeof (value as Record<string, unknown>)[name] === 'string');
}

function damaged(): LimiError {
  return new LimiError({
    code: Code.DataLoss,
    reason: 'IDENTITY_DAMAGED',
    message: "the agent's identity file is damaged; remove it and join again with a new token",
  });
}
