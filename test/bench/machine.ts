/** A machine as fleets have many: a disk of an image, a port, cloud-init; it runs. */
import { fromJson } from '@bufbuild/protobuf';
import { type VirtualMachine, VirtualMachineSchema } from '@limiquantix/proto/compute/v1/vm_pb.js';

const id = (n: number): string => `0190a000-0000-7000-8000-${String(n).padStart(12, '0')}`;

/** The machine with an id and a number. */
export function machine(vmId: string, n: number): VirtualMachine {
  return fromJson(VirtualMachineSchema, {
    id: vmId,
    name: `vm-${n}`,
    projectId: 'default',
    labels: { app: `app-${n % 50}`, tier: n % 2 === 0 ? 'web' : 'data' },
    createdAt: '2026-01-01T00:00:00Z',
    updatedAt: '2026-01-01T00:00:00Z',
    createdBy: 'user:bench',
    generation: '1',
    spec: {
      cpu: { cores: 2 },
      memory: { sizeMib: 2048 },
      disks: { root: { volume: { poolId: id(1), sizeGib: 20, imageId: id(2) } } },
      nics: { lan: { port: { networkId: id(3) } } },
      provisioning: { cloudInit: { userData: `#cloud-config\nhostname: vm-${n}\n` } },
    },
    status: {
      observedGeneration: '1',
      nodeId: id(10 + (n % 100)),
      conditions: [
        { type: 'Ready', status: 'CONDITION_STATUS_TRUE', reason: 'Ready', message: 'it runs' },
      ],
    },
  });
}
