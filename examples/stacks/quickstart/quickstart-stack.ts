/**
 * The stack of the quickstart, apart from its app, so that tests can make one.
 */
import {
  CloudConfig,
  Disk,
  Image,
  ImageSource,
  LimiquantixProvider,
  Network,
  Size,
  StoragePool,
  StoragePoolBackend,
  VirtualMachine,
} from '@limiquantix/constructs';
import { TerraformOutput, TerraformStack } from 'cdktf';
import type { Construct } from 'constructs';

/** Properties of the quickstart. */
export interface QuickstartStackProps {
  /** Path of the qcow2 or raw image that the machines boot. */
  readonly guestImage: string;
}

/** Three virtual machines that can reach each other. */
export class QuickstartStack extends TerraformStack {
  public constructor(scope: Construct, id: string, props: QuickstartStackProps) {
    super(scope, id);
    // Endpoint, token and CA come from LIMIQUANTIX_* or the profile file that the server wrote.
    new LimiquantixProvider(this, 'limiquantix');
    const image = new Image(this, 'Guest', { source: ImageSource.file(props.guestImage) });
    const storagePool = new StoragePool(this, 'Local', {
      backend: StoragePoolBackend.directory('/var/lib/limiquantix/pools/local'),
    });
    const network = new Network(this, 'Lan', { cidr: '10.20.0.0/24' });

    const machine = (name: string, ipAddress?: string) =>
      new VirtualMachine(this, name, {
        labels: { stack: 'quickstart' },
        cpuCores: 1,
        memory: Size.mebibytes(256),
        disks: { root: Disk.fromImage(image, { storagePool, size: Size.gibibytes(1) }) },
        network,
        ipAddress,
        cloudInit: webServer(name),
        waitForGuestAddresses: true,
      });
    const machines = {
      app: machine('app'),
      db: machine('db'),
      web: machine('web', '10.20.0.10'),
    };

    new TerraformOutput(this, 'addresses', {
      description: 'The address of each machine.',
      value: Object.fromEntries(
        Object.entries(machines).map(([name, { ipAddress }]) => [name, ipAddress]),
      ),
    });
  }
}

/** A web server with one page, so that the machines have something to say to each other. */
function webServer(name: string): CloudConfig {
  const cloudConfig = new CloudConfig();
  cloudConfig.addFile('/srv/www/index.html', { content: `hello from ${name}\n` });
  cloudConfig.addCommand('busybox', 'httpd', '-p', '80', '-h', '/srv/www');
  return cloudConfig;
}
