/** What of a virtual machine today's libvirt driver, placement and admission carry out. */
import type { SupportedPaths } from '../../resource/unsupported.js';

/** The paths of a machine's spec. */
export const vmPaths: SupportedPaths = [
  'spec.power_state=running|stopped|paused|suspended',
  'spec.cpu.cores',
  'spec.cpu.sockets',
  'spec.cpu.threads_per_core',
  'spec.memory.size_mib',
  'spec.disks.*.volume_id',
  'spec.disks.*.volume.pool_id',
  'spec.disks.*.volume.size_gib',
  'spec.disks.*.volume.image_id',
  'spec.disks.*.volume.keep',
  'spec.disks.*.bus=virtio_blk|virtio_scsi|sata',
  'spec.disks.*.boot_index',
  'spec.disks.*.read_only',
  'spec.disks.*.serial',
  'spec.nics.*.port_id',
  'spec.nics.*.port.network_id',
  'spec.nics.*.port.mac_address',
  'spec.nics.*.port.ip_addresses',
  'spec.nics.*.model=virtio|e1000|e1000e',
  'spec.provisioning.cloud_init.user_data',
  'spec.provisioning.cloud_init.network_config',
  'spec.provisioning.cloud_init.meta_data',
  'spec.placement',
  'spec.ha.restart',
  'spec.display.vnc.password',
  'spec.wait_for.guest_agent',
  'spec.wait_for.guest_addresses',
];
