/**
 * What virtual machines have of each node, kept up to date from view changes, so that no placement
 * has to count. A placement that isn't stored yet is held here as well: two machines never get the
 * same room.
 */
import type { VirtualMachine } from '@limiquantix/proto/compute/v1/vm_pb.js';
import { Occupancy } from '../../decide/occupancy.js';
import type { ViewChange } from '../../reconcile/loop.js';

/** The machines on the nodes, as the view and placements that aren't stored yet have them. */
export class Allocation {
  readonly occupancy = new Occupancy();

  /** Follows a change of the view. */
  changed({ key, resource }: ViewChange): void {
    if (key.type !== 'vm') return;
    if (resource === undefined) {
      this.occupancy.release(key.id);
      return;
    }
    const vm = resource as VirtualMachine;
    const nodeId = vm.status?.nodeId ?? '';
    if (nodeId !== '') this.occupancy.hold(vm, nodeId);
  }
}
