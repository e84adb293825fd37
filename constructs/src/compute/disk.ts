/**
 * The kinds of disk that a virtual machine can have: a new volume, empty or a copy of an image, or
 * a volume that exists.
 */
import type { Size } from '../core/size.js';
import type { VmDisks, VmDisksVolume } from '../gen/index.js';
import type { IImage } from '../storage/image.js';
import type { IStoragePool } from '../storage/storage-pool.js';

const BOOT_INDEX_MAX = 64;

/** The controller of a disk. */
export enum DiskBus {
  /** virtio-blk: the fastest, one PCI function each. */
  VIRTIO_BLK = 'virtio_blk',
  /** virtio-scsi: one controller for many disks. */
  VIRTIO_SCSI = 'virtio_scsi',
  /** SATA, for guests without virtio drivers. */
  SATA = 'sata',
}

/** How a disk shows in the guest. */
export interface DiskOptions {
  /**
   * The controller that the guest sees.
   *
   * @default DiskBus.VIRTIO_BLK
   */
  readonly bus?: DiskBus;

  /**
   * The place in the boot order, from 1.
   *
   * @default - the machine boots from the disk named `root`, or else from the first by name
   */
  readonly bootIndex?: number;

  /**
   * Whether the guest may only read it.
   *
   * @default false
   */
  readonly readOnly?: boolean;

  /**
   * The serial number that the guest sees.
   *
   * @default - the disk's name
   */
  readonly serial?: string;
}

/** A disk with a volume that is made with the machine. */
export interface NewDiskOptions extends DiskOptions {
  /** The pool that the volume lives in. */
  readonly storagePool: IStoragePool;

  /** The volume's size, in whole GiB. It can grow later; it never shrinks. */
  readonly size: Size;

  /**
   * Whether the volume stays when the machine, or this disk of it, goes.
   *
   * @default false
   */
  readonly keep?: boolean;
}

/** A disk of a virtual machine. */
export class Disk {
  /** A new disk that starts as a copy of an image. */
  public static fromImage(image: IImage, options: NewDiskOptions): Disk {
    return new Disk(options, { volume: { ...volume(options), imageId: image.imageId } });
  }

  /** A new disk without content. */
  public static empty(options: NewDiskOptions): Disk {
    return new Disk(options, { volume: volume(options) });
  }

  /** A volume that exists. It stays when the machine goes. */
  public static fromVolumeId(volumeId: string, options: DiskOptions = {}): Disk {
    return new Disk(options, { volumeId });
  }

  /** @internal */
  public readonly _attributes: VmDisks;

  private constructor(options: DiskOptions, source: Pick<VmDisks, 'volume' | 'volumeId'>) {
    const { bootIndex, serial } = options;
    if (bootIndex !== undefined && (bootIndex < 1 || bootIndex > BOOT_INDEX_MAX)) {
      throw new Error(`bootIndex must be from 1 to ${BOOT_INDEX_MAX}, got ${bootIndex}`);
    }
    this._attributes = {
      ...source,
      bus: options.bus,
      bootIndex,
      readOnly: options.readOnly,
      serial,
    };
  }
}

function volume(options: NewDiskOptions): VmDisksVolume {
  return {
    poolId: options.storagePool.storagePoolId,
    sizeGib: options.size.toGibibytes(),
    keep: options.keep,
  };
}
