/**
 * How clients find the control plane: arguments, then `LIMIQUANTIX_*` variables, then a profile
 * file. The server writes such a file at its first start.
 */
import { mkdir, open, readFile, rename } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { Code } from '@connectrpc/connect';
import { LimiError } from '../resource/error.js';

/** All that a client needs. */
export interface Profile {
  /** The API's URL, such as `https://127.0.0.1:7443`. */
  readonly endpoint: string;
  /** The CA's certificate in PEM. */
  readonly caCertificate: string;
  readonly token: string;
  /** The project that is meant where none is named; without it, all are. */
  readonly project?: string;
}

/** What was given by arguments. */
export interface ProfileArguments {
  readonly profile?: string | undefined;
  readonly endpoint?: string | undefined;
  readonly token?: string | undefined;
  /** PEM, or the path of a file with it. */
  readonly caCertificate?: string | undefined;
}

/** The environment, by name. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** Where a profile is read from when nothing else is said. */
export const profilePathDefault = join(homedir(), '.config', 'limiquantix', 'profile.json');

/** Finds the profile. Throws LimiError that says what is missing and how to give it. */
export async function findProfile(given: ProfileArguments, env: Environment): Promise<Profile> {
  const direct = {
    endpoint: given.endpoint ?? env['LIMIQUANTIX_ENDPOINT'],
    token: given.token ?? env['LIMIQUANTIX_TOKEN'],
    caCertificate: given.caCertificate ?? env['LIMIQUANTIX_CA_CERTIFICATE'],
  };
  const path = given.profile ?? env['LIMIQUANTIX_PROFILE'];
  const isComplete = Object.values(direct).every((value) => value !== undefined);
  const file = isComplete ? undefined : await readProfile(path ?? profilePathDefault);
  if (file === undefined && path !== undefined && !isComplete) {
    throw missing(`there is no profile at ${path}; give --profile the file that the server wrote`);
  }
  const endpoint = direct.endpoint ?? file?.endpoint;
  const token = direct.token ?? file?.token;
  const ca = direct.caCertificate ?? file?.caCertificate;
  if (endpoint === undefined || token === undefined || ca === undefined) {
    throw missing(
      'no control plane is known; give --profile FILE (the server writes <data-dir>/profile.json), ' +
        'or set LIMIQUANTIX_ENDPOINT, LIMIQUANTIX_TOKEN and LIMIQUANTIX_CA_CERTIFICATE',
    );
  }
  if (!URL.canParse(endpoint)) {
    throw missing(`the endpoint "${endpoint}" is no URL; give one such as https://127.0.0.1:7443`);
  }
  const caCertificate = ca.includes('-----BEGIN') ? ca : await readFile(ca, 'utf8');
  const project = env['LIMIQUANTIX_PROJECT'] ?? file?.project;
  return { endpoint, token, caCertificate, ...(project === undefined ? {} : { project }) };
}

/** Writes a profile that only its owner can read, all of it or none. */
export async function writeProfile(path: string, profile: Profile): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const { endpoint, caCertificate, token } = profile;
  const content = { endpoint, ca_certificate: caCertificate, token };
  const file = await open(`${path}.part`, 'w', 0o600);
  try {
    await file.writeFile(`${JSON.stringify(content, undefined, 2)}\n`);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(`${path}.part`, path);
}

/** The profile in a file, or undefined where there is no file. */
export async function readProfile(path: string): Promise<Partial<Profile> | undefined> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  const content = JSON.parse(text) as Record<string, unknown>;
  const entry = (name: string): string | undefined => {
    const value = content[name];
    return typeof value === 'string' && value !== '' ? value : undefined;
  };
  const names = ['endpoint', 'token', 'ca_certificate', 'project'];
  const [endpoint, token, caCertificate, project] = names.map(entry);
  return {
    ...(endpoint === undefined ? {} : { endpoint }),
    ...(token === undefined ? {} : { token }),
    ...(caCertificate === undefined ? {} : { caCertificate }),
    ...(project === undefined ? {} : { project }),
  };
}

function missing(message: string): LimiError {
  return new LimiError({ code: Code.FailedPrecondition, reason: 'NO_PROFILE', message });
}
