/** Snapshots and copies of machines, and where one would go: what makes or reads resources. */
import { create } from '@bufbuild/protobuf';
import {
  PowerState,
  type VirtualMachine,
  VirtualMachineSchema,
} from '@limiquantix/proto/compute/v1/vm_pb.js';
import { VirtualMachineService } from '@limiquantix/proto/compute/v1/vm_service_pb.js';
import { type VmSnapshot, VmSnapshotSchema } from '@limiquantix/proto/compute/v1/vm_snapshot_pb.js';
import { explainPlacement } from '../../decide/explain-placement.js';
import type { ApiContext } from '../api-context.js';
import { mustFind } from '../api-context.js';
import { invalidFields } from '../validation.js';
import { begins } from './begin.js';
import { type CustomMethod, notSupported, reads } from './custom-method.js';

const vm = VirtualMachineService.method;

/** The methods of snapshots and copies. */
export const copyMethods: readonly CustomMethod[] = [
  begins(vm.createSnapshot, ({ id, projectId }: VirtualMachine, request) => {
    const { name, description, includeMemory, quiesce } = request;
    const spec = { vmId: id, includeMemory, ...(quiesce !== undefined && { quiesce }) };
    const resource = create(VmSnapshotSchema, { name, projectId, description, spec });
    return { make: { type: 'vm_snapshot', resource } };
  }),
  begins(vm.deleteSnapshot, ({ id }: VirtualMachine, { snapshotId, children }, context) => {
    const all = snapshotsOf(id, context);
    if (!all.some((one) => one.id === snapshotId)) {
      throw invalidFields([{ path: 'snapshot_id', message: 'is no snapshot of this machine' }]);
    }
    const ids = children ? [...withChildren(snapshotId, all)] : [snapshotId];
    return { remove: { type: 'vm_snapshot', ids } };
  }),
  reads(vm.listSnapshots, ({ context, request }) => {
    const { id } = mustFind(context, context.types.get('vm'), request.id);
    return { snapshots: snapshotsOf(id, context) };
  }),
  reads(vm.explainPlacement, ({ context, request: { question } }) => {
    const machine =
      question.case === 'vm'
        ? question.value
        : mustFind(context, context.types.get('vm'), question.value ?? '');
    return explainPlacement(machine as VirtualMachine, context.view);
  }),
  begins(vm.cloneVirtualMachine, ({ id, projectId }: VirtualMachine, request) => {
    const { name, kind, snapshotId, start } = request;
    if (snapshotId !== '') {
      throw notSupported(vm.cloneVirtualMachine, 'no driver copies the disks of a snapshot');
    }
    const resource = create(VirtualMachineSchema, {
      name,
      projectId,
      spec: {
        powerState: start ? PowerState.RUNNING : PowerState.STOPPED,
        source: { source: { case: 'vmId', value: id }, cloneKind: kind },
      },
    });
    return { make: { type: 'vm', resource } };
  }),
];

/** The snapshots of a machine, parents before children. */
function snapshotsOf(vmId: string, { view }: Pick<ApiContext, 'view'>): VmSnapshot[] {
  const all = view
    .referrers<VmSnapshot>('vm_snapshot', vmId)
    .filter(({ spec }) => spec?.vmId === vmId);
  // Ids are made in order, and a child is made after its parent.
  return [...all].sort((a, b) => (a.id < b.id ? -1 : 1));
}

/** The ids of a snapshot and of all that were taken after it. */
function withChildren(id: string, all: readonly VmSnapshot[]): ReadonlySet<string> {
  const found = new Set([id]);
  for (const one of all) if (found.has(one.status?.parentId ?? '')) found.add(one.id);
  return found;
}
