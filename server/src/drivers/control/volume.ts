/**
 * The control plane's half of a volume: which node it lives on, who uses it and whether it is
 * ready. Its content is the agent's half. A volume goes where the first machine that uses it goes.
 */
import type { VirtualMachine } from '@limiquantix/proto/compute/v1/vm_pb.js';
import { type Condition, ConditionStatus } from '@limiquantix/proto/resource/v1/resource_pb.js';
import type { Image } from '@limiquantix/proto/storage/v1/image_pb.js';
import {
  VolumePhase as Phase,
  type Volume,
  type VolumeStatus,
  VolumeStatusSchema,
} from '@limiquantix/proto/storage/v1/volume_pb.js';
import { usesDevice, wholeSpecOf } from '../../decide/whole-spec.js';
import type {
  Difference,
  Driver,
  Lookup,
  Removal,
  SupportsJudging,
  SupportsTriggers,
} from '../../reconcile/driver.js';
import type { ViewChange } from '../../reconcile/loop.js';
import { patched } from '../../resource/patched.js';
import { failed, notReady, ready, readyOf } from '../../resource/ready.js';
import type { ResourceKey } from '../../resource/resource.js';
import type { NodeLinks } from './node-links.js';

const gib = 1024n ** 3n;

/** The driver for `volume` in the control plane. */
export class VolumeControlDriver
  implements
    Driver<Volume, undefined, never, VolumeStatus>,
    SupportsTriggers,
    SupportsJudging<Volume, VolumeStatus>
{
  readonly type = 'volume';
  readonly runsOn = 'control-plane';
  readonly #links: NodeLinks;

  constructor(links: NodeLinks) {
    this.#links = links;
  }

  async observe(): Promise<undefined> {
    return undefined;
  }

  diff(volume: Volume, _: undefined, lookup: Lookup): Difference<never, VolumeStatus> {
    const vm = userOf(volume, lookup);
    // Made with its machine, which gets its node in a moment.
    if (vm !== undefined && !isLookedAt(vm)) return { actions: [], status: undefined };
    const status = patched(VolumeStatusSchema, volume.status, {
      observedGeneration: volume.generation,
      nodeId: volume.status?.nodeId || vm?.status?.nodeId || '',
      vmId: vm?.id ?? '',
    });
    return { actions: [], status: Object.assign(status, judge(volume, status, lookup)) };
  }

  judge(volume: Volume, lookup: Lookup): VolumeStatus | undefined {
    return this.diff(volume, undefined, lookup).status;
  }

  async apply(): Promise<void> {
    throw new Error('this driver has no actions');
  }

  async remove(volume: Volume): Promise<Removal> {
    const nodeId = volume.status?.nodeId ?? '';
    const key = { type: 'volume', id: volume.id };
    if (nodeId === '' || this.#links.isRemoved(nodeId, key)) return { gone: true };
    const status = patched(VolumeStatusSchema, volume.status, { phase: Phase.DELETING });
    return { gone: false, waitingFor: 'its node to remove the content', status };
  }

  triggers({ key, resource, previous }: ViewChange, lookup: Lookup): readonly ResourceKey[] {
    const asKeys = (volumes: readonly Volume[]): ResourceKey[] =>
      volumes.map((volume) => ({ type: 'volume', id: volume.id }));
    if (key.type === 'image') {
      const now = readyOf((resource as Image | undefined)?.status?.conditions)?.status;
      const before = readyOf((previous as Image | undefined)?.status?.conditions)?.status;
      return now === before ? [] : asKeys(lookup.referrers<Volume>('volume', key.id));
    }
    if (key.type !== 'vm' || !isForVolumes({ resource, previous })) return [];
    const keys = asKeys(lookup.referrers<Volume>('volume', key.id));
    for (const vm of [resource, previous] as (VirtualMachine | undefined)[]) {
      for (const disk of Object.values((vm && wholeSpecOf(vm))?.disks ?? {})) {
        if (disk.source.case === 'volumeId') keys.push({ type: 'volume', id: disk.source.value });
      }
    }
    return keys;
  }
}

/** Whether volumes follow what changed of a machine. */
function isForVolumes({ resource, previous }: Pick<ViewChange, 'resource' | 'previous'>): boolean {
  const [now, before] = [resource, previous] as (VirtualMachine | undefined)[];
  if (now === undefined || before === undefined || now.etag !== before.etag) return true;
  return now.status?.nodeId !== before.status?.nodeId || isLookedAt(now) !== isLookedAt(before);
}

/** Whether the control plane has looked for a machine's node. */
const isLookedAt = ({ status }: VirtualMachine): boolean =>
  status !== undefined && (status.nodeId !== '' || status.observedGeneration > 0n);

interface Judgement {
  readonly phase: Phase;
  readonly conditions: Condition[];
}

function judge(volume: Volume, status: VolumeStatus, lookup: Lookup): Judgement {
  if (status.provisioned && status.sizeBytes >= (volume.spec?.sizeGib ?? 0n) * gib) {
    return { phase: status.vmId === '' ? Phase.AVAILABLE : Phase.IN_USE, conditions: ready() };
  }
  const source = volume.spec?.source?.source;
  const image = source?.case === 'imageId' ? lookup.get<Image>('image', source.value) : undefined;
  const imageReady = readyOf(image?.status?.conditions);
  if (image !== undefined && imageReady?.status === ConditionStatus.FAILED) {
    const why = `image ${image.name}: ${imageReady.message}`;
    return { phase: Phase.FAILED, conditions: failed('ImageFailed', why) };
  }
  if (status.nodeFailed) {
    return { phase: Phase.FAILED, conditions: failed('NodeRefused', status.nodeMessage) };
  }
  if (status.nodeId === '') {
    if (status.vmId === '') return { phase: Phase.WAITING_FOR_VM, conditions: ready() };
    const why = 'the machine that uses it has no node yet';
    return { phase: Phase.WAITING_FOR_VM, conditions: notReady('WaitsForPlacement', why) };
  }
  const why = status.nodeMessage === '' ? 'its node has not begun' : status.nodeMessage;
  return { phase: Phase.PROVISIONING, conditions: notReady('Provisioning', why) };
}

function userOf(volume: Volume, lookup: Lookup): VirtualMachine | undefined {
  const owner = volume.owner;
  if (owner?.type === 'vm') {
    const vm = lookup.get<VirtualMachine>('vm', owner.id);
    if (vm !== undefined) return vm;
  }
  return lookup.referrers<VirtualMachine>('vm', volume.id).find((vm) => usesDevice(vm, volume.id));
}
