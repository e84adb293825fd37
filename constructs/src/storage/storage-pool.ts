/**
 * The storage pool L2: the place that volumes live in, on one node or on many.
 */
import { Token } from 'cdktf';
import { Construct, type IConstruct } from 'constructs';
import { header } from '../core/header.js';
import type { ResourceProps } from '../core/resource-props.js';
import { type StoragePoolDirectory, StoragePool as StoragePoolL1 } from '../gen/index.js';

/** A storage pool, declared here or elsewhere. */
export interface IStoragePool extends IConstruct {
  /** The pool's id. */
  readonly storagePoolId: string;
}

/** What keeps a pool's data. */
export class StoragePoolBackend {
  /**
   * A directory on each node. A volume lives on one of them.
   *
   * @param path the directory's absolute path; it is made where it doesn't exist
   */
  public static directory(path: string): StoragePoolBackend {
    if (!Token.isUnresolved(path) && !/^(\/(?!\.\.?(\/|$))[A-Za-z0-9._+-]+)+$/.test(path)) {
      throw new Error(
        "a pool's directory must be a plain absolute path such as /var/lib/pool, " +
          `got '${path}'`,
      );
    }
    return new StoragePoolBackend({ path });
  }

  /** @internal */
  public readonly _directory: StoragePoolDirectory;

  private constructor(directory: StoragePoolDirectory) {
    this._directory = directory;
  }
}

/** Properties of a storage pool. */
export interface StoragePoolProps extends ResourceProps {
  /** What keeps the data. */
  readonly backend: StoragePoolBackend;

  /**
   * The ids of nodes that the pool spans.
   *
   * @default - the nodes that `nodeLabels` selects, or else all
   */
  readonly nodeIds?: string[];

  /**
   * The pool spans the nodes that have these labels, beside those in `nodeIds`.
   *
   * @default - the nodes of `nodeIds`, or else all
   */
  readonly nodeLabels?: { readonly [key: string]: string };
}

/**
 * A place that volumes live in.
 *
 * @resource limiquantix_storage_pool
 */
export class StoragePool extends Construct implements IStoragePool {
  /** A pool that was declared elsewhere. */
  public static fromStoragePoolId(
    scope: Construct,
    id: string,
    storagePoolId: string,
  ): IStoragePool {
    return new ImportedStoragePool(scope, id, storagePoolId);
  }

  public readonly storagePoolId: string;

  /** The L1 beneath, for what this class has no property for. */
  public readonly resource: StoragePoolL1;

  public constructor(scope: Construct, id: string, props: StoragePoolProps) {
    super(scope, id);
    this.resource = new StoragePoolL1(this, 'Resource', {
      ...header(this, props),
      directory: props.backend._directory,
      nodeIds: props.nodeIds,
      nodeLabels: props.nodeLabels,
    });
    this.storagePoolId = this.resource.id;
  }
}

class ImportedStoragePool extends Construct implements IStoragePool {
  public constructor(
    scope: Construct,
    id: string,
    public readonly storagePoolId: string,
  ) {
    super(scope, id);
  }
}
