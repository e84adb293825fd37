/**
 * Where the control plane is and how to authenticate there: the provider's arguments, else the environment's
 * variables, else the profile file.
 */
import type { Disruption } from '@limiquantix/proto/resource/v1/options_pb.js';
import { DiagnosticError, problem } from '../engine/diagnostic.js';
import { disruptionWordList, disruptionWords } from '../schema/own-attributes.js';

/** What a user can set in three ways. */
export interface Settings {
  readonly endpoint: string;
  readonly token: string;
  /** In PEM; undefined to trust the system's CAs. */
  readonly caCertificate: string | undefined;
  /** The most that a change may cost; undefined for all. */
  readonly disruptionLimit: Disruption | undefined;
}

/** One source of settings; what isn't given there is undefined. */
export interface SettingsSource {
  readonly endpoint?: string | undefined;
  readonly token?: string | undefined;
  /** In PEM, or the path of a PEM file. */
  readonly caCertificate?: string | undefined;
  /** The path of a profile file. */
  readonly profile?: string | undefined;
  /** What a change may cost, in a word. */
  readonly allowDisruption?: string | undefined;
}

/** Where settings come from. */
export interface SettingsQuestion {
  /** The provider's arguments. */
  readonly given: SettingsSource;
  /** The environment's variables. */
  readonly environment: SettingsSource;
  readonly profileDefault: string;
  /** The content of a file, or undefined if there is none. Throws if it can't be read. */
  readonly readFile: (path: string) => string | undefined;
}

/** The settings that hold. Throws DiagnosticError if something is missing or unusable. */
export function resolveSettings(question: SettingsQuestion): Settings {
  const { given, environment, profileDefault } = question;
  const named = given.profile ?? environment.profile;
  const profile = readProfile(question, named ?? profileDefault, named !== undefined);
  const sources = [given, environment, profile];
  const pick = (name: 'endpoint' | 'token' | 'caCertificate'): string | undefined =>
    sources.map((source) => source[name]).find((value) => value !== undefined && value !== '');
  const endpoint = pick('endpoint');
  if (endpoint === undefined) {
    throw missing(
      'No endpoint is configured',
      'endpoint',
      'say where the control plane is in one of three ways: the provider\'s argument "endpoint", the ' +
        'environment variable LIMIQUANTIX_ENDPOINT, or a profile file (the argument "profile", ' +
        `LIMIQUANTIX_PROFILE, or ${profileDefault}), which "limiquantix server" writes at its start`,
    );
  }
  const token = pick('token');
  if (token === undefined) {
    throw missing(
      'No token is configured',
      'token',
      'give an API token in one of three ways: the provider\'s argument "token", the environment ' +
        'variable LIMIQUANTIX_TOKEN, or a profile file; "limiquantix token create" makes one',
    );
  }
  return {
    endpoint: checkEndpoint(endpoint),
    token,
    caCertificate: readCertificate(question, pick('caCertificate')),
    disruptionLimit: readLimit(given.allowDisruption ?? environment.allowDisruption),
  };
}

function missing(summary: string, argument: string, detail: string): DiagnosticError {
  return new DiagnosticError([problem(summary, detail, [{ attribute: argument }])]);
}

function checkEndpoint(endpoint: string): string {
  const url = URL.canParse(endpoint) ? new URL(endpoint) : undefined;
  if (url?.protocol === 'https:' || url?.protocol === 'http:') return url.origin;
  throw missing(
    'Invalid endpoint',
    'endpoint',
    `the endpoint must be a URL such as https://127.0.0.1:7443, not "${endpoint}"`,
  );
}

function readLimit(word: string | undefined): Disruption | undefined {
  if (word === undefined) return undefined;
  const limit = disruptionWords.get(word);
  if (limit !== undefined) return limit;
  throw missing(
    'Invalid allow_disruption',
    'allow_disruption',
    `it must be one of ${disruptionWordList}, not "${word}"`,
  );
}

function readCertificate(
  { readFile }: SettingsQuestion,
  given: string | undefined,
): string | undefined {
  if (given === undefined || given.includes('-----BEGIN CERTIFICATE-----')) return given;
  const content = given.includes('\n') ? undefined : readFile(given);
  if (content?.includes('-----BEGIN CERTIFICATE-----') === true) return content;
  throw missing(
    'Invalid CA certificate',
    'ca_certificate',
    'it must be a certificate in PEM, or the path of a file that holds one',
  );
}

/** The names in a profile file, as `limiquantix server` writes it. */
interface ProfileFile {
  readonly endpoint?: unknown;
  readonly token?: unknown;
  readonly ca_certificate?: unknown;
}

function readProfile(
  { readFile }: SettingsQuestion,
  path: string,
  isNamed: boolean,
): SettingsSource {
  const fail = (why: string): DiagnosticError =>
    missing('Invalid profile', 'profile', `the profile file "${path}" ${why}`);
  let content: string | undefined;
  try {
    content = readFile(path);
  } catch (error) {
    throw fail(`can't be read: ${error instanceof Error ? error.message : String(error)}`);
  }
  if (content === undefined) {
    if (isNamed) throw fail('does not exist');
    return {};
  }
  const file = parseProfile(content);
  if (file === undefined) throw fail('is no JSON object');
  const text = (value: unknown): string | undefined =>
    typeof value === 'string' ? value : undefined;
  return {
    endpoint: text(file.endpoint),
    token: text(file.token),
    caCertificate: text(file.ca_certificate),
  };
}

function parseProfile(content: string): ProfileFile | undefined {
  try {
    const value: unknown = JSON.parse(content);
    return typeof value === 'object' && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}
