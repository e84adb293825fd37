/** A control plane with simulated hosts, as a process, with terraform beside it. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { findProfile } from '../../server/src/bin/profile.js';
import { createTransport, ResourceClient } from '../../server/src/bin/resource-client.js';
import { contractTypes } from '../../server/src/resource/type-registry.js';
import { AttachedProvider } from './attached-provider.js';
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
  #provider: AttachedProvider | undefined;
  #client: ResourceClient | undefined;

  private constructor(dir: string, controlPlane: ControlPlane) {
    this.dir = dir;
    this.controlPlane = controlPlane;
    this.image = emptyImage(join(dir, 'empty.qcow2'));
  }

  static async up(nodes: number, args: readonly string[] = []): Promise<SimulatedInstallation> {
    const dir = scratchDir('sim');
    const controlPlane = new ControlPlane({
      dir: join(dir, 'server'),
      port: await freePort(),
      args: ['--simulate', String(nodes), ...args],
    });
    await controlPlane.start();
    return new SimulatedInstallation(dir, controlPlane);
  }

  /** A new working folder of terraform, initialised, that starts the provider for each command. */
  async terraform(configuration: string): Promise<Terraform> {
    const terraform = this.#folder(configuration);
    await terraform.init();
    return terraform;
  }

  /** The same, but all commands attach to one provider, with this process' environment. */
  async attachedTerraform(configuration: string): Promise<Terraform> {
    const { profile } = this.controlPlane;
    this.#provider ??= await AttachedProvider.start({ LIMIQUANTIX_PROFILE: profile });
    return this.#folder(configuration, this.#provider.environment);
  }

  #folder(configuration: string, environment: Readonly<Record<string, string>> = {}): Terraform {
    this.#folders += 1;
    const dir = join(this.dir, `terraform-${this.#folders}`);
    mkdirSync(dir);
    const { profile } = this.controlPlane;
    const terraform = new Terraform({
      dir,
      profile,
      environment,
      variables: { image: this.image },
    });
    terraform.write('main.tf', configuration);
    return terraform;
  }

  /** Runs the `limiquantix` command against the control plane. */
  async command(...args: string[]): Promise<string> {
    return this.commandIn({}, ...args);
  }

  /** The same, with more in its environment. */
  async commandIn(more: Readonly<Record<string, string>>, ...args: string[]): Promise<string> {
    const environment = { ...more, LIMIQUANTIX_PROFILE: this.controlPlane.profile };
    return runCommand(process.execPath, [commandBundle, ...args], environment);
  }

  /** The API, without the price of a process for each call. */
  async client(): Promise<ResourceClient> {
    this.#client ??= new ResourceClient(
      createTransport(await findProfile({ profile: this.controlPlane.profile }, {})),
    );
    return this.#client;
  }

  /** The resources of a type. */
  async list<R>(type: string): Promise<R[]> {
    const client = await this.client();
    return (await client.list(contractTypes.get(type))) as unknown as R[];
  }

  /** Names of all resources but nodes, by type: empty when nothing is left. */
  async resources(): Promise<Record<string, string[]>> {
    const types = ['vm', 'volume', 'port', 'network', 'image', 'storage_pool'];
    const lists = await Promise.all(types.map((type) => this.list<{ name: string }>(type)));
    const names = types.map((type, i) => [type, (lists[i] ?? []).map((one) => one.name).sort()]);
    return Object.fromEntries(names.filter(([, found]) => (found?.length ?? 0) > 0));
  }

  async down(): Promise<void> {
    await this.#provider?.stop();
    await this.controlPlane.stop();
  }
}
