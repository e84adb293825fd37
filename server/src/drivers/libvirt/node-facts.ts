/** What libvirt tells of its host, as fields of a node's status. */
import { create, type MessageInitShape } from '@bufbuild/protobuf';
import {
  NodeCpuSchema,
  NodeMemorySchema,
  type NodeStatusSchema,
  NodeSystemSchema,
} from '@limiquantix/proto/compute/v1/node_pb.js';
import type { LibvirtApi } from '../../wire/libvirt/api.js';
import { descendant, parseXml } from '../../wire/libvirt/xml.js';
import { explain } from './libvirt-error.js';
import type { Accelerator } from './plan.js';

const KIB_PER_MIB = 1_024n;

/** The node's `cpu`, `memory` and what libvirt knows of its `system`. */
export type LibvirtNodeFacts = Pick<
  MessageInitShape<typeof NodeStatusSchema>,
  'cpu' | 'memory' | 'system'
>;

/** Reads them. Memory is the statistics' total: `nodeinfo` tells less in a container. */
export function readNodeFacts(api: LibvirtApi, accelerator: Accelerator) {
  return explain('read the facts of the host', async () => {
    const [info, memory, versions, hostname, capabilities] = await Promise.all([
      api.nodeInfo(),
      api.nodeMemory(),
      api.versions(),
      api.hostname(),
      api.capabilitiesXml(),
    ]);
    const cpu = descendant(parseXml(capabilities), 'host', 'cpu');
    return {
      cpu: create(NodeCpuSchema, {
        model: descendant(cpu, 'model')?.text ?? info.model,
        total: info.cpus,
        architecture: info.model,
      }),
      memory: create(NodeMemorySchema, { totalMib: memory.totalKib / KIB_PER_MIB }),
      system: create(NodeSystemSchema, {
        hypervisor: `QEMU ${versionText(versions.hypervisor)}`,
        libvirtVersion: versionText(versions.library),
        accelerator,
        hostname,
      }),
    };
  });
}

/** `major * 1,000,000 + minor * 1,000 + release` as people write it. */
function versionText(version: number): string {
  const major = Math.floor(version / 1_000_000);
  const minor = Math.floor(version / 1_000) % 1_000;
  return `${major}.${minor}.${version % 1_000}`;
}
