/** What OVN's northbound has of ours, for checks after a cleanup. */
import { keysOf } from '../../decide/backend-object.js';
import type { ResourceKey } from '../../resource/resource.js';
import type { NorthboundView } from './northbound-rows.js';

/** The resources that have rows with our ids. */
export async function ovnInventory(northbound: NorthboundView): Promise<readonly ResourceKey[]> {
  const rows = await northbound.rows();
  return keysOf(rows.objects(['Logical_Switch', 'DHCP_Options', 'Logical_Switch_Port']));
}
