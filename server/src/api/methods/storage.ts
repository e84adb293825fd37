/** The methods of pools and volumes that change specs or answer from what is known. */
import { clone, create, type DescMethod } from '@bufbuild/protobuf';
import { Code } from '@connectrpc/connect';
import { DiskSpecSchema, type VirtualMachine } from '@limiquantix/proto/compute/v1/vm_pb.js';
import type { StoragePool } from '@limiquantix/proto/storage/v1/storage_pool_pb.js';
import { StoragePoolService } from '@limiquantix/proto/storage/v1/storage_pool_service_pb.js';
import {
  type Volume,
  VolumeSchema,
  type VolumeSource,
  VolumeSourceSchema,
  VolumeSpecSchema,
} from '@limiquantix/proto/storage/v1/volume_pb.js';
import { VolumeService } from '@limiquantix/proto/storage/v1/volume_service_pb.js';
import type { VolumeSnapshot } from '@limiquantix/proto/storage/v1/volume_snapshot_pb.js';
import { VolumeSnapshotService } from '@limiquantix/proto/storage/v1/volume_snapshot_service_pb.js';
import { LimiError } from '../../resource/error.js';
import { withoutSecrets } from '../../resource/strip.js';
import { mustFind } from '../api-context.js';
import { callerOf } from '../caller.js';
import { createResource } from '../create-resource.js';
import { invalidFields } from '../validation.js';
import {
  type CustomCall,
  type CustomMethod,
  editResource,
  edits,
  reads,
  refuseUnsupported,
} from './custom-method.js';
import { add } from './entries.js';

const pool = StoragePoolService.method;
const volume = VolumeService.method;
const snapshot = VolumeSnapshotService.method;

/** The methods of pools and volumes. */
export const storageMethods: readonly CustomMethod[] = [
  edits(pool.assignNode, ({ spec }: StoragePool, { nodeId }) => {
    if (spec?.nodeIds.includes(nodeId) === false) spec.nodeIds.push(nodeId);
  }),
  edits(pool.unassignNode, ({ spec }: StoragePool, { nodeId }) => {
    const at = spec?.nodeIds.indexOf(nodeId) ?? -1;
    if (at < 0) throw invalidFields([{ path: 'node_id', message: 'is none of the given nodes' }]);
    spec?.nodeIds.splice(at, 1);
  }),
  reads(pool.getPoolMetrics, ({ context, request }) => {
    const type = context.types.get('storage_pool');
    const { status } = mustFind(context, type, request.id) as StoragePool;
    return { capacity: status?.capacity, metrics: status?.metrics };
  }),
  edits(volume.resizeVolume, (resource: Volume, { sizeGib }) => {
    resource.spec ??= create(VolumeSpecSchema);
    resource.spec.sizeGib = sizeGib;
  }),
  reads(volume.cloneVolume, (given) => {
    const { context, request } = given;
    const { id } = mustFind(context, context.types.get('volume'), request.id);
    const source = { case: 'volumeId', value: id } as const;
    return makeCopy(given, { method: volume.cloneVolume, likeId: id, source });
  }),
  reads(snapshot.cloneVolumeSnapshot, (given) => {
    const { context, request } = given;
    const type = context.types.get('volume_snapshot');
    const { id, spec } = mustFind(context, type, request.id) as VolumeSnapshot;
    const source = { case: 'snapshotId', value: id } as const;
    const method = snapshot.cloneVolumeSnapshot;
    return makeCopy(given, { method, likeId: spec?.volumeId ?? '', source });
  }),
  reads(volume.attachVolume, async (given) => {
    const { context, request } = given;
    const { id, projectId } = mustFind(context, context.types.get('volume'), request.id);
    // Who may attach volumes of one project learns nothing of machines of another.
    if (context.view.get('vm', request.vmId)?.projectId !== projectId) throw noMachine(projectId);
    const disk = create(DiskSpecSchema, { source: { case: 'volumeId', value: id } });
    await editMachine(given, request.vmId, ({ spec }) => {
      add(spec?.disks, { path: 'disk_name', key: request.diskName }, disk);
    });
    return volumeNow(given);
  }),
  reads(volume.detachVolume, async (given) => {
    const { context, request } = given;
    const resource = mustFind(context, context.types.get('volume'), request.id);
    const [machine, ...others] = context.view
      .referrers<VirtualMachine>('vm', resource.id)
      .filter((vm) => diskWith(vm, resource.id) !== undefined);
    if (machine === undefined || others.length > 0) throw notAttached(resource.name, others.length);
    await editMachine(given, machine.id, (vm) => {
      const name = diskWith(vm, resource.id);
      if (name !== undefined) delete vm.spec?.disks[name];
    });
    return volumeNow(given);
  }),
];

type CopyCall = CustomCall<
  CustomCall['request'] & { readonly name: string; readonly poolId: string }
>;

interface Copy {
  readonly method: DescMethod;
  /** The volume whose spec it takes over. */
  readonly likeId: string;
  /** Where its content comes from. */
  readonly source: VolumeSource['source'];
}

/** Makes a volume like another one. */
async function makeCopy({ context, request, call }: CopyCall, { method, likeId, source }: Copy) {
  const type = context.types.get('volume');
  const like = mustFind(context, type, likeId) as Volume;
  const spec = clone(VolumeSpecSchema, like.spec ?? create(VolumeSpecSchema));
  spec.source = create(VolumeSourceSchema, { source });
  if (request.poolId !== '') spec.poolId = request.poolId;
  const input = create(VolumeSchema, { name: request.name, projectId: like.projectId, spec });
  context.validate(type.message, input);
  refuseUnsupported(context, { method, type, next: input, previous: undefined });
  const made = { type, input, caller: callerOf(call), requestId: '', validateOnly: false };
  const { resource } = await createResource(context, made);
  return { volume: withoutSecrets(type, resource) };
}

type VolumeCall = CustomCall<CustomCall['request'] & { readonly id: string }>;

function editMachine(
  given: VolumeCall,
  id: string,
  edit: (vm: VirtualMachine) => void,
): Promise<VirtualMachine> {
  const type = given.context.types.get('vm');
  return editResource(given, { method: volume.attachVolume, type, id, etag: '', edit });
}

function volumeNow({ context, request }: VolumeCall) {
  const type = context.types.get('volume');
  return { volume: withoutSecrets(type, mustFind(context, type, request.id)) };
}

/** The name of a machine's disk that is the volume. */
function diskWith({ spec }: VirtualMachine, volumeId: string): string | undefined {
  const disks = Object.entries(spec?.disks ?? {});
  return disks.find(([, { source }]) => source.value === volumeId)?.[0];
}

const noMachine = (projectId: string): LimiError =>
  invalidFields([{ path: 'vm_id', message: `is no machine of project ${projectId}` }]);

const notAttached = (name: string, others: number): LimiError =>
  new LimiError({
    code: Code.FailedPrecondition,
    reason: 'NOT_ATTACHED',
    message:
      others > 0
        ? `volume ${JSON.stringify(name)} is a disk of several machines; detach the disk of the one that is meant`
        : `volume ${JSON.stringify(name)} is no disk of a machine by its id`,
  });
