/**
 * The methods of the contract that nothing can do yet, each with what is missing. A method that is
 * neither here nor in another table fails `table.test.ts`.
 */
import { NodeService } from '@limiquantix/proto/compute/v1/node_service_pb.js';
import { VirtualMachineService } from '@limiquantix/proto/compute/v1/vm_service_pb.js';
import { FloatingIpService } from '@limiquantix/proto/network/v1/floating_ip_service_pb.js';
import { LoadBalancerService } from '@limiquantix/proto/network/v1/load_balancer_service_pb.js';
import { VirtualNetworkService } from '@limiquantix/proto/network/v1/network_service_pb.js';
import { PortService } from '@limiquantix/proto/network/v1/port_service_pb.js';
import { SecurityGroupService } from '@limiquantix/proto/network/v1/security_group_service_pb.js';
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
const served = 'this version does not serve it yet';

/** The methods that end with NOT_SUPPORTED. */
export const unsupportedMethods: readonly CustomMethod[] = [
  unsupported(vm.createSnapshot, served),
  unsupported(vm.listSnapshots, served),
  unsupported(vm.revertToSnapshot, snapshots),
  unsupported(vm.deleteSnapshot, served),
  unsupported(vm.migrateVirtualMachine, migration),
  unsupported(vm.getMigrationStatistics, migration),
  unsupported(vm.cloneVirtualMachine, served),
  unsupported(vm.convertToTemplate, served),
  unsupported(vm.getConsole, console),
  unsupported(vm.executeInGuest, guest),
  unsupported(vm.readGuestFile, guest),
  unsupported(vm.writeGuestFile, guest),
  unsupported(vm.setGuestPassword, guest),
  unsupported(vm.freezeFilesystems, guest),
  unsupported(vm.thawFilesystems, guest),
  unsupported(vm.takeScreenshot, console),
  unsupported(vm.streamVirtualMachineMetrics, metrics),
  unsupported(vm.listVirtualMachineEvents, served),
  unsupported(vm.explainPlacement, served),
  unsupported(node.enableNode, served),
  unsupported(node.disableNode, served),
  unsupported(node.drainNode, served),
  unsupported(node.previewDrain, served),
  unsupported(node.addTaint, served),
  unsupported(node.removeTaint, served),
  unsupported(node.updateLabels, served),
  unsupported(node.decommissionNode, served),
  unsupported(node.getNodeMetrics, metrics),
  unsupported(node.streamNodeMetrics, metrics),
  unsupported(node.listNodeEvents, served),
  unsupported(FloatingIpService.method.associateFloatingIp, served),
  unsupported(FloatingIpService.method.disassociateFloatingIp, served),
  unsupported(balancer.addListener, served),
  unsupported(balancer.removeListener, served),
  unsupported(balancer.addMember, served),
  unsupported(balancer.removeMember, served),
  unsupported(balancer.getLoadBalancerStats, metrics),
  unsupported(VirtualNetworkService.method.getNetworkTopology, served),
  unsupported(VirtualNetworkService.method.tracePacket, 'no driver traces packets'),
  unsupported(PortService.method.bindPort, served),
  unsupported(PortService.method.unbindPort, served),
  unsupported(SecurityGroupService.method.addRule, served),
  unsupported(SecurityGroupService.method.removeRule, served),
  unsupported(VpnService.method.addConnection, served),
  unsupported(VpnService.method.removeConnection, served),
  unsupported(VpnService.method.getVpnStatus, 'no driver makes tunnels'),
  unsupported(BackupPolicyService.method.runBackup, backups),
  unsupported(BackupService.method.restoreBackup, backups),
  unsupported(BackupService.method.listRestorePoints, backups),
  unsupported(ImageService.method.importImage, 'an image is fetched when it is made'),
  unsupported(ImageService.method.exportImage, 'no driver exports images'),
  unsupported(pool.getPoolMetrics, metrics),
  unsupported(pool.reconnectPool, 'no driver keeps connections to storage'),
  unsupported(pool.assignNode, served),
  unsupported(pool.unassignNode, served),
  unsupported(volume.resizeVolume, served),
  unsupported(volume.attachVolume, served),
  unsupported(volume.detachVolume, served),
  unsupported(volume.cloneVolume, copies),
  unsupported(volume.moveVolume, copies),
  unsupported(volume.getVolumeMetrics, metrics),
  unsupported(VolumeSnapshotService.method.restoreVolumeSnapshot, snapshots),
  unsupported(VolumeSnapshotService.method.cloneVolumeSnapshot, copies),
];
