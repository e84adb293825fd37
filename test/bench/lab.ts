/**
 * A virtual machine from Create to running on a lab host, against define and start of the very same
 * domain by the plain wire client.
 */
import { copyFileSync } from 'node:fs';
import { join } from 'node:path';
import { create } from '@bufbuild/protobuf';
import {
  PowerState,
  type VirtualMachine,
  VirtualMachineSchema,
} from '@limiquantix/proto/compute/v1/vm_pb.js';
import { VirtualNetworkSchema } from '@limiquantix/proto/network/v1/network_pb.js';
import { StoragePoolSchema } from '@limiquantix/proto/storage/v1/storage_pool_pb.js';
import { systemClock } from '../../server/src/bin/effects.js';
import { findProfile } from '../../server/src/bin/profile.js';
import { createTransport, ResourceClient } from '../../server/src/bin/resource-client.js';
import { missingForLab } from '../../server/src/lab/prerequisites.js';
import type { AnyResource } from '../../server/src/resource/resource.js';
import { contractTypes, type ResourceType } from '../../server/src/resource/type-registry.js';
import { connectLibvirt } from '../../server/src/wire/libvirt/client.js';
import { virsh } from '../harness/hosts.js';
import { LabInstallation } from '../harness/lab-installation.js';
import { scratchDir } from '../harness/paths.js';
import { until } from '../harness/wait.js';
import { print, timed } from './measure.js';

const runs = 7;
const deadlineMs = 60_000;

/** Measures and prints; says so and goes on where no lab can be made. */
export async function benchLab(): Promise<void> {
  const missing = missingForLab();
  if (missing !== undefined) {
    process.stderr.write(`bench: no lab, so no figure of it: ${missing}\n`);
    return;
  }
  const report = (): void => undefined;
  const lab = await LabInstallation.up({
    dir: scratchDir('bench-lab'),
    name: 'lqxbench',
    nodes: 1,
    report,
  });
  try {
    await measure(lab);
  } finally {
    await lab.down(report);
  }
}

async function measure(lab: LabInstallation): Promise<void> {
  const profile = await findProfile({ profile: lab.controlPlane.profile }, {});
  const client = new ResourceClient(createTransport(profile));
  const poolId = await make(
    client,
    'storage_pool',
    create(StoragePoolSchema, {
      name: 'local',
      spec: { backend: { case: 'directory', value: { path: '/var/lib/limiquantix/pools/local' } } },
    }),
  );
  const networkId = await make(
    client,
    'network',
    create(VirtualNetworkSchema, {
      name: 'lan',
      spec: { ipv4: { cidr: '10.30.0.0/24' } },
    }),
  );
  const values: number[] = [];
  const floors: number[] = [];
  for (let run = 0; run < runs; run += 1) {
    const vm = create(VirtualMachineSchema, {
      name: `bench-${run}`,
      spec: {
        cpu: { cores: 1 },
        memory: { sizeMib: 64n },
        disks: { root: { source: { case: 'volume', value: { poolId, sizeGib: 1n } } } },
        nics: { lan: { source: { case: 'port', value: { networkId } } } },
      },
    });
    let id = '';
    values.push(
      await timed(async () => {
        id = await make(client, 'vm', vm);
        await running(client, id);
      }),
    );
    floors.push(await plain(lab, id));
    await client.delete(typeOf('vm'), id);
  }
  print({ name: 'vm_create_to_running', value: values, unit: 'ms', floor: floors });
}

async function make(client: ResourceClient, type: string, resource: unknown): Promise<string> {
  return (await client.create(typeOf(type), resource as AnyResource)).id;
}

async function running(client: ResourceClient, id: string): Promise<void> {
  const stop = new AbortController();
  const deadline = setTimeout(() => stop.abort(), deadlineMs);
  for await (const { resource } of client.watch(typeOf('vm'), { signal: stop.signal })) {
    const vm = resource as VirtualMachine | undefined;
    if (vm?.id === id && vm.status?.powerState === PowerState.RUNNING) break;
  }
  clearTimeout(deadline);
  stop.abort();
}

/** Stops the machine's domain and defines and starts it again under another name, without us. */
async function plain(lab: LabInstallation, vmId: string): Promise<number> {
  const node = lab.status.nodes[0];
  if (node?.libvirtSocket === undefined) throw new Error('the host is down');
  const xml = await virsh(node, 'dumpxml', '--inactive', vmId);
  const other = xml
    .replace(/<uuid>[^<]*<\/uuid>/, `<uuid>${crypto.randomUUID()}</uuid>`)
    .replace(/<name>[^<]*<\/name>/, `<name>plain-${vmId}</name>`)
    .replace(/<metadata>[\s\S]*<\/metadata>/, '')
    .replaceAll(/<interface[\s\S]*?<\/interface>/g, (nic) =>
      nic.replace(/interfaceid='[^']*'/, `interfaceid='${crypto.randomUUID()}'`),
    )
    .replaceAll(/\/var\/lib\/limiquantix(\/[^']*)\.(qcow2|raw|iso)'/g, (_, path, format) => {
      const file = join(node.dir, 'lib/limiquantix', `${path}.${format}`);
      copyFileSync(file, `${file}.plain`);
      return `/var/lib/limiquantix${path}.${format}.plain'`;
    });
  const libvirt = await connectLibvirt({ socketPath: node.libvirtSocket, timers: systemClock });
  try {
    let domain: Awaited<ReturnType<typeof libvirt.defineXml>> | undefined;
    const spent = await timed(async () => {
      domain = await libvirt.defineXml(other);
      await libvirt.create(domain, 0);
    });
    if (domain !== undefined) {
      const made = domain;
      await libvirt.destroy(made, 0);
      await until(
        'it is off',
        deadlineMs,
        async () => (await libvirt.state(made)).state === 5 || undefined,
      );
      await libvirt.undefine(made, 0);
    }
    return spent;
  } finally {
    await libvirt.close();
  }
}

function typeOf(name: string): ResourceType {
  return contractTypes.get(name);
}
