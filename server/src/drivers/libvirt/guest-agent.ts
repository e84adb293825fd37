/**
 * What qemu-guest-agent tells of its guest. A guest is not trusted: answers are read field by
 * field, with bounds, and anything else in them is ignored.
 */
import type { Domain, LibvirtApi } from '../../wire/libvirt/api.js';
import { LibvirtErrorCode } from '../../wire/libvirt/constants.js';
import { isLibvirtError } from '../../wire/libvirt/errors.js';

/** The agent's own deadline for each command. */
export const AGENT_TIMEOUT_SECONDS = 5;

const TEXT_LENGTH_MAX = 255;
const INTERFACES_MAX = 64;
const ADDRESSES_MAX = 64;
const ADDRESS = /^[0-9a-fA-F.:]{2,45}$/;

/** A guest's interface as the guest sees it. */
export interface GuestInterface {
  readonly name: string;
  readonly mac: string;
  readonly addresses: readonly string[];
}

/** What is known of a guest. */
export interface GuestFacts {
  readonly agentConnected: boolean;
  readonly agentVersion: string;
  readonly hostname: string;
  readonly os: string;
  readonly kernel: string;
  readonly interfaces: readonly GuestInterface[];
}

/** Nothing yet. */
export const NO_GUEST_FACTS: GuestFacts = {
  agentConnected: false,
  agentVersion: '',
  hostname: '',
  os: '',
  kernel: '',
  interfaces: [],
};

/** Asks the agent for all. Rejects when it does not answer; a command that it lacks is left out. */
export async function askGuest(api: LibvirtApi, domain: Domain): Promise<GuestFacts> {
  const ask = (command: string) => execute(api, domain, command);
  const info = await ask('guest-info');
  const interfaces = await ask('guest-network-get-interfaces');
  const host = await ask('guest-get-host-name');
  const os = await ask('guest-get-osinfo');
  return {
    agentConnected: true,
    agentVersion: text(info, 'version'),
    hostname: text(host, 'host-name'),
    os: text(os, 'pretty-name') || text(os, 'name'),
    kernel: text(os, 'kernel-release'),
    interfaces: readInterfaces(interfaces),
  };
}

async function execute(api: LibvirtApi, domain: Domain, command: string): Promise<unknown> {
  const request = JSON.stringify({ execute: command });
  try {
    const answer: unknown = JSON.parse(
      await api.agentCommand(domain, request, AGENT_TIMEOUT_SECONDS),
    );
    return field(answer, 'return');
  } catch (error) {
    if (isLibvirtError(error, LibvirtErrorCode.INTERNAL_ERROR)) return undefined;
    throw error;
  }
}

function readInterfaces(answer: unknown): GuestInterface[] {
  if (!Array.isArray(answer)) return [];
  return answer.slice(0, INTERFACES_MAX).map((each: unknown) => {
    const list = field(each, 'ip-addresses');
    const addresses = (Array.isArray(list) ? list.slice(0, ADDRESSES_MAX) : [])
      .map((address: unknown) => text(address, 'ip-address'))
      .filter((address) => ADDRESS.test(address));
    return {
      name: text(each, 'name'),
      mac: text(each, 'hardware-address').toLowerCase(),
      addresses: addresses.filter((address) => !/^fe80:/i.test(address)),
    };
  });
}

function text(value: unknown, name: string): string {
  const found = field(value, name);
  return typeof found === 'string' ? found.slice(0, TEXT_LENGTH_MAX) : '';
}

function field(value: unknown, name: string): unknown {
  if (typeof value !== 'object' || value === null) return undefined;
  return (value as Readonly<Record<string, unknown>>)[name];
}
