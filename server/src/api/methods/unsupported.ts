/**
 * The methods of the contract that nothing can do yet, each with what is missing. A method that is
 * neither here nor in another table fails `table.test.ts`.
 */
import { NodeService } from '@limiquantix/proto/compute/v1/node_service_pb.js';
import { VirtualMachineService } from '@limiquantix/proto/compute/v1/vm_service_pb.js';
import { LoadBalancerService } from '@limiquantix/proto/network/v1/load_balancer_service_pb.js';
import { VirtualNetworkService } from '@limiquantix/proto/network/v1/network_service_pb.js';
import { PortService } from '@limiquantix/proto/network/v1/port_service_pb.js';
import { VpnService } from '@limiquantix/proto/network/v1/vpn_service_pb.js';
import { BackupPolicyService } from '@limiquantix/proto/storage/v1/backup_policy_service_pb.js';
import { BackupService } from '@limiquantix/proto/storage/v1/backup_service_pb.js';
import { ImageService } from '@limiquantix/proto/storage/v1/image_service_pb.js';
import { StoragePoolService } from '@limiquantix/proto/storage/v1/storage_pool_service_pb.js';
import { VolumeService } from '@limiquantix/proto/storage/v1/volume_service_pb.js';
import { VolumeSnapshotService } from '@limiquantix/proto/storage/v1/volume_snapshot_service_pb.js';
import { type CustomMethod, unsupported } from './custom-method.js';

const vm = VirtualMachineService.method;
const node = NodeService.method;
const volume = VolumeService.method;
const balancer = LoadBalancerService.method;
const pool = StoragePoolService.method;

const metrics = 'no driver measures what is in use';
const guest = 'no driver passes this on to the agent in the guest';
const console = 'no driver connects to consoles';
const snapshots = 'no driver takes snapshots';
const migration = 'no driver moves virtual machines between nodes';
const copies = 'no driver copies the content of a volume';
const backups = 'no driver takes backups';
const ports = 'no driver plugs in ports of machines that are not ours';

/** The methods that end with NOT_SUPPORTED. */
export const unsupportedMethods: readonly CustomMethod[] = [
  unsupported(vm.revertToSnapshot, snapshots),
  unsupported(vm.migrateVirtualMachine, migration),
  unsupported(vm.getMigrationStatistics, migration),
  unsupported(vm.convertToTemplate, 'no driver makes images of disks'),
  unsupported(vm.getConsole, console),
  unsupported(vm.executeInGuest, guest),
  unsupported(vm.readGuestFile, guest),
  unsupported(vm.writeGuestFile, guest),
  unsupported(vm.setGuestPassword, guest),
  unsupported(vm.freezeFilesystems, guest),
  unsupported(vm.thawFilesystems, guest),
  unsupported(vm.takeScreenshot, console),
  unsupported(vm.streamVirtualMachineMetrics, metrics),
  unsupported(node.streamNodeMetrics, metrics),
  unsupported(balancer.getLoadBalancerStats, metrics),
  unsupported(VirtualNetworkService.method.tracePacket, 'no driver traces packets'),
  unsupported(PortService.method.bindPort, ports),
  unsupported(PortService.method.unbindPort, ports),
  unsupported(VpnService.method.getVpnStatus, 'no driver makes tunnels'),
  unsupported(BackupPolicyService.method.runBackup, backups),
  unsupported(BackupService.method.restoreBackup, backups),
  unsupported(BackupService.method.listRestorePoints, backups),
  unsupported(ImageService.method.importImage, 'an image is fetched when it is made'),
  unsupported(ImageService.method.exportImage, 'no driver exports images'),
  unsupported(pool.reconnectPool, 'no driver keeps connections to storage'),
  unsupported(volume.moveVolume, copies),
  unsupported(volume.getVolumeMetrics, metrics),
  unsupported(VolumeSnapshotService.method.restoreVolumeSnapshot, snapshots),
];
