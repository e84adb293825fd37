/** A virtual machine's spec with what its source gives: what everybody but the API works from. */
import type { VirtualMachine, VirtualMachineSpec } from '@limiquantix/proto/compute/v1/vm_pb.js';

/** The whole spec: what was resolved at admission, or the user's words where there is no source. */
export function wholeSpecOf(vm: VirtualMachine): VirtualMachineSpec | undefined {
  return vm.status?.resolvedSpec ?? vm.spec;
}

/** The machine as if its user had written the whole spec, and named no source. */
export function withWholeSpec(vm: VirtualMachine): VirtualMachine {
  if (vm.status?.resolvedSpec === undefined) return vm;
  const { resolvedSpec, sourceSpec: _, ...status } = vm.status;
  return { ...vm, spec: resolvedSpec, status };
}

/** Whether a disk or an interface of a machine is that volume or port. */
export function usesDevice(vm: VirtualMachine, id: string): boolean {
  const spec = wholeSpecOf(vm);
  const isIt = ({ source }: { source: { case?: string | undefined; value?: unknown } }): boolean =>
    (source.case === 'volumeId' || source.case === 'portId') && source.value === id;
  return Object.values(spec?.disks ?? {}).some(isIt) || Object.values(spec?.nics ?? {}).some(isIt);
}
