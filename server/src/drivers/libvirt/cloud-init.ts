/**
 * The documents of a NoCloud seed and the name of the file that holds them. Pure. The file's name
 * tells the user's documents and the whole content apart, so that a rename or a new interface
 * makes a new seed for the next start without counting as a change that waits for it.
 */
import { createHash } from 'node:crypto';
import type { CloudInitSpec } from '@limiquantix/proto/compute/v1/vm_pb.js';

/** A seed's documents, complete. */
export interface SeedDocuments {
  readonly metaData: string;
  readonly userData: string;
  readonly networkConfig: string;
}

/** What the documents are made of. */
export interface SeedInput {
  readonly vmId: string;
  readonly hostname: string;
  readonly cloudInit: CloudInitSpec;
  /** MAC addresses by the user's names of the interfaces. */
  readonly macs: ReadonlyMap<string, string>;
}

const NAME_DIGITS = 12;

/** Makes the documents. */
export function seedDocuments(input: SeedInput): SeedDocuments {
  const { cloudInit } = input;
  return {
    metaData: metaData(input),
    userData: cloudInit.userData === '' ? '#cloud-config\n{}\n' : cloudInit.userData,
    networkConfig:
      cloudInit.networkConfig === '' ? dhcpEverywhere(input.macs) : cloudInit.networkConfig,
  };
}

/** The seed's path: `<folder>/seed-<digest of the user's documents>-<digest of all>.iso`. */
export function seedPathOf(folder: string, input: SeedInput): string {
  const { userData, networkConfig } = input.cloudInit;
  const users = digest([userData, networkConfig, ...sortedEntries(input.cloudInit.metaData)]);
  const documents = seedDocuments(input);
  const all = digest([documents.metaData, documents.userData, documents.networkConfig]);
  return `${folder}/seed-${users}-${all}.iso`;
}

function metaData(input: SeedInput): string {
  const entries = new Map<string, string>([
    ['instance-id', input.vmId],
    ['local-hostname', input.hostname],
    ...Object.entries(input.cloudInit.metaData).sort(([a], [b]) => (a < b ? -1 : 1)),
  ]);
  return [...entries].map(([key, value]) => `${yaml(key)}: ${yaml(value)}\n`).join('');
}

/** Netplan version 2: DHCP on each interface, told apart by MAC address. */
function dhcpEverywhere(macs: ReadonlyMap<string, string>): string {
  if (macs.size === 0) return 'version: 2\nethernets: {}\n';
  const interfaces = [...macs]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(
      ([name, mac]) =>
        `  ${yaml(name)}:\n    match:\n      macaddress: "${mac}"\n    dhcp4: true\n`,
    );
  return `version: 2\nethernets:\n${interfaces.join('')}`;
}

/** A YAML scalar: plain where nothing in it could mean something, else in JSON's quotes. */
function yaml(text: string): string {
  const isPlain = /^[A-Za-z][A-Za-z0-9._-]*$/.test(text);
  return isPlain && !/^(true|false|yes|no|on|off|null|y|n)$/i.test(text)
    ? text
    : JSON.stringify(text);
}

function sortedEntries(map: Readonly<Record<string, string>>): string[] {
  return Object.entries(map)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .flat();
}

function digest(parts: readonly string[]): string {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(`${Buffer.byteLength(part)}:`).update(part);
  return hash.digest('hex').slice(0, NAME_DIGITS);
}
