/**
 * The builder of `#cloud-config` user-data. Terraform itself writes the YAML (`yamlencode`), so
 * that values which only Terraform knows, such as another machine's address, are quoted correctly.
 */
import { Fn } from 'cdktf';
import { functionArgument } from '../core/template.js';
import { CloudInit, type CloudInitOptions } from './cloud-init.js';

/** What `#cloud-config` begins with. */
export interface CloudConfigProps extends CloudInitOptions {
  /**
   * The guest's host name.
   *
   * @default - the machine's name
   */
  readonly hostname?: string;

  /**
   * Public keys that may log in as the image's default user.
   *
   * @default - none
   */
  readonly sshAuthorizedKeys?: string[];

  /**
   * Packages that are installed.
   *
   * @default - none
   */
  readonly packages?: string[];

  /**
   * Further keys of `#cloud-config`, as cloud-init's manual has them. They win over what was added.
   *
   * @default - none
   */
  readonly settings?: { readonly [key: string]: unknown };
}

/** A file that cloud-init writes. */
export interface FileOptions {
  /** The text in it. */
  readonly content: string;

  /**
   * The permissions, such as `0755`.
   *
   * @default '0644'
   */
  readonly permissions?: string;

  /**
   * Who owns it, as `user:group`.
   *
   * @default - root
   */
  readonly owner?: string;
}

/** User-data of the kind `#cloud-config`, put together piece by piece. */
export class CloudConfig extends CloudInit {
  private readonly files: { [key: string]: string | undefined }[] = [];
  private readonly commands: string[][] = [];

  public constructor(private readonly props: CloudConfigProps = {}) {
    super(props);
  }

  public get userData(): string {
    const { hostname, sshAuthorizedKeys, packages, settings = {} } = this.props;
    const config = {
      hostname,
      ssh_authorized_keys: sshAuthorizedKeys,
      packages,
      write_files: nonEmpty(this.files.map(defined)),
      runcmd: nonEmpty(this.commands),
      ...settings,
    };
    return `#cloud-config\n${Fn.yamlencode(functionArgument(defined(config)))}`;
  }

  /**
   * Adds a file.
   *
   * @param path the file's absolute path in the guest
   */
  public addFile(path: string, options: FileOptions): void {
    if (!path.startsWith('/')) {
      throw new Error(`a file's path in the guest must be absolute, got '${path}'`);
    }
    this.files.push({
      path,
      content: options.content,
      permissions: options.permissions,
      owner: options.owner,
    });
  }

  /** Adds a command that runs at the end of the first boot: the program, then its arguments. */
  public addCommand(...command: string[]): void {
    if (command.length === 0) throw new Error('a command must have at least a program');
    this.commands.push(command);
  }
}

function nonEmpty<T>(list: T[]): T[] | undefined {
  return list.length === 0 ? undefined : list;
}

/** Without the entries that have no value, which YAML would show as null. */
function defined(map: { readonly [key: string]: unknown }): { [key: string]: unknown } {
  return Object.fromEntries(Object.entries(map).filter(([, value]) => value !== undefined));
}
