/**
 * Plants what nothing wants into the backends of a lab, with their vendors' own tools, as a
 * mistake or a restored backup would leave it.
 */
import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { newId } from '../../server/src/bin/effects.js';
import { domainNameOf, marksXml } from '../../server/src/drivers/libvirt/domain-xml.js';
import type { LabNodeStatus } from '../../server/src/lab/lab.js';
import { formatXml } from '../../server/src/wire/libvirt/xml.js';
import { runCommand } from '../harness/command.js';
import { virsh } from '../harness/hosts.js';
import type { Fleet, Guest } from './fleet.js';

/** What was planted. */
export interface Planted {
  /** The host that has it all, but for the port. */
  readonly host: LabNodeStatus;
  /** Ids of resources that don't exist. */
  readonly vmId: string;
  readonly volumeId: string;
  readonly portId: string;
  readonly poolId: string;
  /** The id of a node that doesn't exist, which has a chassis in OVN. */
  readonly nodeId: string;
}

/** The name of the interface of a port that doesn't exist. */
export const strayInterface = 'vnet99';

/** The name of the domain that is nobody's. */
export const foreignDomain = 'made-by-hand';

/**
 * Plants a domain, a volume's file, a pool's directory, a switch port and a chassis of resources
 * that don't exist, a second definition of the guest's machine, an interface of a port that doesn't
 * exist, and a domain that isn't LimiQuantix's.
 */
export async function plant(fleet: Fleet, twin: Guest): Promise<Planted> {
  const { nodes, central } = fleet.installation.status;
  const host = nodes.find(({ name }) => name !== twin.host.name);
  if (host === undefined) throw new Error('a lab of one host has no other one');
  const [vmId, volumeId] = [randomUUID(), randomUUID()];
  const [portId, poolId] = [randomUUID(), randomUUID()];
  await plantDomains(host, vmId, twin);
  await define(host, domain(foreignDomain, randomUUID(), ''));
  const file = `/var/lib/limiquantix/pools/local/volumes/${volumeId}.qcow2`;
  await fleet.onHost(host.name, `qemu-img create -q -f qcow2 ${file} 1M`);
  await vsctl(host, 'add-port', 'br-int', strayInterface);
  await vsctl(host, 'set', 'Interface', strayInterface, `external_ids:iface-id=${portId}`);
  const nbctl = (...args: string[]) =>
    runCommand('ovn-nbctl', [`--db=unix:${central.northboundSocket}`, ...args]);
  const network = (await nbctl('--bare', '--columns=name', 'list', 'Logical_Switch')).trim();
  const marks = [`"limiquantix:id"=${portId}`, '"limiquantix:type"=port', '"limiquantix:name"=old'];
  await nbctl(
    ...['lsp-add', network, portId, '--', 'set', 'Logical_Switch_Port', portId],
    ...marks.map((mark) => `external_ids:${mark}`),
  );
  await plantPool(fleet, host, poolId);
  const nodeId = newId();
  const sbctl = [`--db=unix:${central.southboundSocket}`, 'chassis-add', nodeId];
  await runCommand('ovn-sbctl', [...sbctl, 'geneve', '192.0.2.99']);
  return { host, vmId, volumeId, portId, poolId, nodeId };
}

/** The directory of a pool whose record went while the host was away. */
async function plantPool(fleet: Fleet, host: LabNodeStatus, poolId: string): Promise<void> {
  const [state, path] = ['/var/lib/limiquantix', '/var/lib/limiquantix/pools/old'];
  const marker = `{"pool_id":"${poolId}","made_directory":true}`;
  await fleet.onHost(
    host.name,
    `mkdir -p ${path}/volumes ${path}/images && echo '${marker}' >${path}/.limiquantix-pool && ` +
      `echo ${path} >${state}/desired/pools/${poolId}`,
  );
}

/** Plants what the host's agent sweeps away by itself once a minute: domains of ours. */
export async function plantDomains(host: LabNodeStatus, vmId: string, twin: Guest): Promise<void> {
  await define(host, await virsh(twin.host, 'dumpxml', '--inactive', '--security-info', twin.id));
  await define(host, domain(domainNameOf(vmId), vmId, formatXml(marksXml(marksOf(vmId), true))));
}

/** Runs ovs-vsctl on a host's own switch, whose daemon may not make the interface at all. */
export async function vsctl(host: LabNodeStatus, ...args: string[]): Promise<void> {
  await runCommand('ovs-vsctl', [`--db=unix:${host.ovsSocket}`, '--no-wait', ...args]);
}

async function define(host: LabNodeStatus, text: string): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'lqx-plant-'));
  const path = join(folder, 'domain.xml');
  writeFileSync(path, text);
  try {
    await virsh(host, 'define', path);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const domain = (name: string, id: string, metadata: string): string =>
  `<domain type='qemu'><name>${name}</name><uuid>${id}</uuid><metadata>${metadata}</metadata>` +
  "<memory unit='KiB'>65536</memory><vcpu>1</vcpu>" +
  "<os><type arch='x86_64' machine='q35'>hvm</type></os></domain>";

const marksOf = (vmId: string) => ({
  ...{ vmId, projectId: 'default', generation: 1n, power: 'defined' as const },
  ...{ restarts: 0, restartsInRow: 0, startedAtMs: 0, operationId: '' },
});
