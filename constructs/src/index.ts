/**
 * The package's entry: the L2 constructs by name, the provider, and the generated L1 classes under
 * `l1`. What isn't named here is no part of the API.
 */
export { CloudConfig, type CloudConfigProps, type FileOptions } from './compute/cloud-config.js';
export { CloudInit, type CloudInitOptions } from './compute/cloud-init.js';
export {
  Disk,
  DiskBus,
  type DiskOptions,
  type NewDiskOptions,
} from './compute/disk.js';
export { type NewNicOptions, Nic, NicModel, type NicOptions } from './compute/nic.js';
export {
  type IVirtualMachine,
  PowerState,
  RestartPolicy,
  VirtualMachine,
  type VirtualMachineProps,
} from './compute/virtual-machine.js';
export type { ProjectResourceProps, ResourceProps } from './core/resource-props.js';
export { Size } from './core/size.js';
export * as l1 from './gen/index.js';
export {
  LimiquantixProvider,
  type LimiquantixProviderConfig,
} from './gen/providers/limiquantix/provider/index.js';
export { type AddressRange, type INetwork, Network, type NetworkProps } from './network/network.js';
export {
  type IImage,
  Image,
  ImageFormat,
  type ImageProps,
  ImageSource,
  type UrlImageOptions,
} from './storage/image.js';
export {
  type IStoragePool,
  StoragePool,
  StoragePoolBackend,
  type StoragePoolProps,
} from './storage/storage-pool.js';
