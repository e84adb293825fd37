/** What OVN's northbound has of ours, for checks after a cleanup. */
import type { ResourceKey } from '../../resource/resource.js';
import type { NorthboundView } from './northbound-rows.js';

/** The resource behind each row that carries our ids; one with several rows comes repeatedly. */
export async function ovnInventory(northbound: NorthboundView): Promise<readonly ResourceKey[]> {
  const rows = await northbound.rows();
  return rows.owners();
}
