/** A control plane with simulated hosts, as a process, with terraform beside it. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { runCommand } from './command.js';
import { ControlPlane, freePort } from './control-plane.js';
import { emptyImage } from './empty-image.js';
import { commandBundle, scratchDir } from './paths.js';
import { Terraform } from './terraform.js';

/** A control plane with `nodes` simulated hosts. */
export class SimulatedInstallation {
  readonly dir: string;
  readonly controlPlane: ControlPlane;
  /** An image that simulated hosts can use, with a virtual size of 64 MiB. */
  readonly image: string;
  #folders = 0;

  private constructor(dir: string, controlPlane: ControlPlane) {
    this.dir = dir;
    this.controlPlane = controlPlane;
    this.image = emptyImage(join(dir, 'empty.qcow2'));
  }

  static async up(nodes: number): Promise<SimulatedInstallation> {
    const dir = scratchDir('sim');
    const controlPlane = new ControlPlane({
      dir: join(dir, 'server'),
      port: await freePort(),
      args: ['--simulate', String(nodes)],
    });
    await controlPlane.start();
    return new SimulatedInstallation(dir, controlPlane);
  }

  /** A new working folder of terraform with a configuration, initialised. */
  async terraform(configuration: string): Promise<Terraform> {
    this.#folders += 1;
    const dir = join(this.dir, `terraform-${this.#folders}`);
    mkdirSync(dir);
    const terraform = new Terraform({
      dir,
      profile: this.controlPlane.profile,
      variables: { image: this.image },
    });
    terraform.write('main.tf', configuration);
    await terraform.init();
    return terraform;
  }

  /** Runs the `limiquantix` command against the control plane. */
  async command(...args: string[]): Promise<string> {
    const environment = { LIMIQUANTIX_PROFILE: this.controlPlane.profile };
    return runCommand(process.execPath, [commandBundle, ...args], environment);
  }

  /** Names of all resources but nodes, by type: empty when nothing is left. */
  async resources(): Promise<Record<string, string[]>> {
    const found: Record<string, string[]> = {};
    for (const type of ['vms', 'volumes', 'ports', 'networks', 'images', 'storage_pools']) {
      const list = JSON.parse(await this.command('get', type, '-o', 'json')) as { name: string }[];
      if (list.length > 0) found[type] = list.map((one) => one.name).sort();
    }
    return found;
  }

  async down(): Promise<void> {
    await this.controlPlane.stop();
  }
}
