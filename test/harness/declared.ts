/**
 * What a test declares on simulated hosts through the API: a pool, an image, a network, machines.
 */
import { createHash } from 'node:crypto';
import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { createClient, type Transport } from '@connectrpc/connect';
import { type VirtualMachine, VirtualMachineSchema } from '@limiquantix/proto/compute/v1/vm_pb.js';
import { VirtualNetworkSchema } from '@limiquantix/proto/network/v1/network_pb.js';
import { UploadService } from '@limiquantix/proto/resource/v1/upload_service_pb.js';
import { ImageSchema } from '@limiquantix/proto/storage/v1/image_pb.js';
import { StoragePoolSchema } from '@limiquantix/proto/storage/v1/storage_pool_pb.js';
import { ResourceClient } from '../../server/src/bin/resource-client.js';
import { isReady } from '../../server/src/resource/conditions.js';
import type { AnyResource } from '../../server/src/resource/resource.js';
import { contractTypes } from '../../server/src/resource/type-registry.js';
import { until } from './wait.js';

/** Ids of what machines refer to. */
export interface Base {
  readonly poolId: string;
  readonly imageId: string;
  readonly networkId: string;
}

const content = Buffer.alloc(262_144, 'a guest image');
const deadlineMs = 30_000;

/** Makes what machines refer to, and waits until it is ready. */
export async function makeBase(transport: Transport): Promise<Base> {
  const client = new ResourceClient(transport);
  const make = async (type: string, resource: AnyResource): Promise<string> =>
    (await client.create(contractTypes.get(type), resource)).id;
  const path = '/var/lib/pool';
  const poolId = await make(
    'storage_pool',
    create(StoragePoolSchema, {
      name: 'local',
      spec: { backend: { case: 'directory', value: { path } } },
    }),
  );
  const sha256 = createHash('sha256').update(content).digest('hex');
  const file = { file: 'guest.raw', sizeBytes: BigInt(content.length), sha256 };
  const source = { source: { case: 'upload', value: file } } as const;
  const imageId = await make('image', create(ImageSchema, { name: 'guest', spec: { source } }));
  const ipv4 = { cidr: '10.20.0.0/24', gateway: '10.20.0.1' };
  const networkId = await make(
    'network',
    create(VirtualNetworkSchema, { name: 'lan', spec: { ipv4 } }),
  );
  const uploads = createClient(UploadService, transport);
  await uploads.writeChunk({ type: 'image', id: imageId, offset: 0n, data: content });
  for (const type of ['storage_pool', 'image', 'network']) {
    await until(`the ${type} is ready`, deadlineMs, async () =>
      (await client.list(contractTypes.get(type))).every(isReady) ? true : undefined,
    );
  }
  return { poolId, imageId, networkId };
}

/** A machine with a disk of the base's image and a NIC on its network. */
export function machineOn(base: Base, name: string): VirtualMachine {
  const { poolId, imageId, networkId } = base;
  const spec: MessageInitShape<typeof VirtualMachineSchema>['spec'] = {
    cpu: { cores: 1 },
    memory: { sizeMib: 256n },
    disks: { root: { source: { case: 'volume', value: { poolId, sizeGib: 1n, imageId } } } },
    nics: { lan: { source: { case: 'port', value: { networkId } } } },
    provisioning: { cloudInit: { userData: '#cloud-config\n' } },
    waitFor: { guestAgent: true, guestAddresses: true },
  };
  return create(VirtualMachineSchema, { name, spec });
}
