/**
 * What cloud-init reads at a guest's first boot: user-data with its companions.
 * `CloudConfig` builds the usual kind of user-data piece by piece.
 */
import { plainText } from '../core/template.js';

/** The documents beside the user-data. */
export interface CloudInitOptions {
  /**
   * The network-config, version 2.
   *
   * @default - every interface asks DHCP
   */
  readonly networkConfig?: string;

  /**
   * Entries that are added to the meta-data.
   *
   * @default - only `instance-id` and `local-hostname`
   */
  readonly metaData?: { readonly [key: string]: string };
}

/** What cloud-init reads at a guest's first boot. */
export abstract class CloudInit {
  /**
   * User-data as cloud-init takes it. `${` means itself; what only Terraform knows is a token.
   *
   * @param userData a script that begins with `#!`, `#cloud-config`, or a MIME archive
   */
  public static fromUserData(userData: string, options: CloudInitOptions = {}): CloudInit {
    return new FixedCloudInit(plainText(userData), options);
  }

  /** The user-data, as far as it has been put together. */
  public abstract readonly userData: string;

  /** The network-config, version 2. */
  public readonly networkConfig?: string;

  /** Entries that are added to the meta-data. */
  public readonly metaData?: { readonly [key: string]: string };

  protected constructor(options: CloudInitOptions) {
    this.networkConfig = options.networkConfig;
    this.metaData = options.metaData;
  }
}

class FixedCloudInit extends CloudInit {
  public constructor(
    public readonly userData: string,
    options: CloudInitOptions,
  ) {
    super(options);
  }
}
