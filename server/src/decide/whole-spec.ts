/** A virtual machine's spec with what its source gives: what everybody but the API works from. */
import type { VirtualMachine, VirtualMachineSpec } from '@limiquantix/proto/compute/v1/vm_pb.js';

/** The whole spec: what was resolved at admission, or the user's words where there is no source. */
export function wholeSpecOf(vm: VirtualMachine): VirtualMachineSpec | undefined {
  return vm.status?.resolvedSpec ?? vm.spec;
}
