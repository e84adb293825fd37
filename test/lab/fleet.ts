/**
 * The quickstart's machines on a lab of real hosts: what the lab suites do to them and look at.
 * What a host or a guest says is asked of libvirt and of the guest, not of the control plane.
 */
import { copyFileSync, existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { type LabNodeStatus, labStatus } from '../../server/src/lab/lab.js';
import { enterNode } from '../../server/src/lab/node.js';
import { missingForLab } from '../../server/src/lab/prerequisites.js';
import { runProgram } from '../../server/src/lab/process.js';
import { AttachedProvider } from '../harness/attached-provider.js';
import { execInGuest, type Inventory, takeInventory, virsh } from '../harness/hosts.js';
import { LabInstallation } from '../harness/lab-installation.js';
import {
  commandBundle,
  guestImage,
  providerBundle,
  quickstart,
  scratchDir,
} from '../harness/paths.js';
import { Terraform } from '../harness/terraform.js';
import { until } from '../harness/wait.js';
import { expectNoLab, namespaceInodes } from './leftovers.js';

/** A guest under emulation on a busy machine takes this long to boot, at the very most. */
const guestDeadlineMs = 180_000;
/** What agents sweep away, they do once a minute. */
const wellDeadlineMs = 90_000;
const imageFile = 'guest.qcow2';

/** A machine as the control plane tells of it. */
export interface Machine {
  readonly id: string;
  readonly name: string;
  readonly created_at: string;
  readonly status: {
    readonly node_id: string;
    readonly phase: string;
    readonly state_changed_at?: string;
    readonly nics?: Readonly<Record<string, { readonly ip_addresses: readonly string[] }>>;
    readonly guest_info?: {
      readonly nics?: Readonly<Record<string, { readonly ip_addresses: readonly string[] }>>;
    };
  };
}

/** What keeps this machine from running guests on lab hosts, and what to do; else undefined. */
export function missingForFleet(): string | undefined {
  const missing = missingForLab();
  if (missing !== undefined) return missing;
  if (!existsSync(guestImage)) return 'there is no guest image: run make guest-image';
  const built = existsSync(commandBundle) && existsSync(providerBundle);
  return built ? undefined : 'the command or the provider is not built: run make build';
}

/** Prints a figure; the suites print, they don't judge. */
export function figure(what: string, ms: number): void {
  process.stderr.write(`lab: ${what}: ${(ms / 1000).toFixed(1)} s\n`);
}

/** An installation on a lab, with a folder for terraform. */
export class Fleet {
  readonly installation: LabInstallation;
  readonly #dir: string;
  readonly #name: string;
  readonly #nodeNames = new Map<string, string>();
  #provider: AttachedProvider | undefined;

  private constructor(installation: LabInstallation, dir: string, name: string) {
    this.installation = installation;
    this.#dir = dir;
    this.#name = name;
  }

  /** Makes a lab of hosts that has one letter of its name from the suite. */
  static async up(letter: string, nodes = 2): Promise<Fleet> {
    const dir = scratchDir('lab');
    const name = `lqx${letter}${process.pid % 10_000}`;
    // Its own, since an image whose content changes replaces every machine that came from it.
    copyFileSync(guestImage, join(dir, imageFile));
    const startMs = Date.now();
    const installation = await LabInstallation.up({ dir, name, nodes, report: () => undefined });
    figure(`lab of ${nodes} hosts up`, Date.now() - startMs);
    return new Fleet(installation, dir, name);
  }

  /** Takes it all down; fails when a process, namespace, mount or file of it is left. */
  async down(): Promise<void> {
    const { labDir } = this.installation;
    const inodes = namespaceInodes(labDir);
    await this.#provider?.stop();
    await this.installation.down(() => undefined);
    expectNoLab(labDir, this.#name, inodes);
    rmSync(this.#dir, { recursive: true });
  }

  /** Terraform's working folder with the quickstart, initialised; commands start the provider. */
  async terraform(): Promise<Terraform> {
    const terraform = this.#folder({});
    await terraform.init();
    return terraform;
  }

  /** The same, but all commands attach to one provider, which leaves the processors to guests. */
  async attachedTerraform(): Promise<Terraform> {
    const { profile } = this.installation.controlPlane;
    this.#provider ??= await AttachedProvider.start({ LIMIQUANTIX_PROFILE: profile });
    return this.#folder(this.#provider.environment);
  }

  #folder(environment: Readonly<Record<string, string>>): Terraform {
    const terraform = new Terraform({
      dir: join(this.#dir, 'terraform'),
      profile: this.installation.controlPlane.profile,
      variables: { guest_image: join(this.#dir, imageFile) },
      environment,
    });
    terraform.use(quickstart);
    return terraform;
  }

  /** What is in the backends. */
  async inventory(): Promise<Inventory> {
    return takeInventory(this.installation.status);
  }

  /** Waits until `limiquantix doctor` finds nothing; fails with what it finds. */
  async untilWell(): Promise<void> {
    await until('the doctor finds nothing', wellDeadlineMs, async () => {
      const { code, stdout, stderr } = await this.installation.doctor();
      if (code !== 0) throw new Error(stdout + stderr);
      expect(stdout).toMatch(/^all is well; looked at \d+ objects? on \d+ nodes/);
      return true;
    });
  }

  /** Runs a shell command on a host, outside guests. */
  async onHost(name: string, command: string): Promise<string> {
    const { initPid = 0 } = this.installation.status.nodes.find((one) => one.name === name) ?? {};
    return runProgram(enterNode({ pid: initPid, startTime: '' }, ['sh', '-c', command]));
  }

  /** All machines, by name. */
  async machines(): Promise<Machine[]> {
    const text = await this.installation.command('get', 'vms', '-o', 'json');
    return (JSON.parse(text) as Machine[]).sort((a, b) => a.name.localeCompare(b.name));
  }

  /** The host that the control plane placed a machine on. */
  async hostOf(machine: Machine): Promise<LabNodeStatus> {
    const { node_id: id } = machine.status;
    if (!this.#nodeNames.has(id)) await this.#readNodeNames();
    const name = this.#nodeNames.get(id);
    const host = labStatus(this.installation.labDir).nodes.find((node) => node.name === name);
    if (host === undefined) throw new Error(`${machine.name} is on no host of the lab`);
    return host;
  }

  /** A node keeps its name. */
  async #readNodeNames(): Promise<void> {
    const text = await this.installation.command('get', 'nodes', '-o', 'json');
    const nodes = JSON.parse(text) as { readonly id: string; readonly name: string }[];
    for (const { id, name } of nodes) this.#nodeNames.set(id, name);
  }
}

/** A guest on its host: asked through libvirt alone, so that it works without a control plane. */
export class Guest {
  readonly id: string;
  readonly host: LabNodeStatus;

  constructor(id: string, host: LabNodeStatus) {
    this.id = id;
    this.host = host;
  }

  /** Runs a shell command in the guest, which must succeed; gives its output. */
  async run(command: string): Promise<string> {
    const { code, output } = await execInGuest(this.host, this.id, command);
    if (code !== 0) throw new Error(`${command} ended with ${code}: ${output}`);
    return output.trim();
  }

  /** Changes with every boot of the guest. */
  async bootId(): Promise<string> {
    return this.run('cat /proc/sys/kernel/random/boot_id');
  }

  /** The guest's kernel's names of its disks. */
  async disks(): Promise<string[]> {
    return (await this.run('ls /sys/block')).split(/\s+/).filter((name) => name.startsWith('vd'));
  }

  /** The addresses of its first interface, as its kernel tells. */
  async addresses(): Promise<string[]> {
    const text = await this.run('ip -4 -o address show eth0');
    return [...text.matchAll(/inet ([\d.]+)\//g)].map((match) => match[1] ?? '');
  }

  /** Kills its hypervisor as a crash of that would. */
  async kill(): Promise<void> {
    const domain = (await virsh(this.host, 'domname', this.id)).trim();
    const kill = `kill -KILL "$(cat /run/libvirt/qemu/'${domain}'.pid)"`;
    const init = { pid: this.host.initPid ?? 0, startTime: '' };
    await runProgram(enterNode(init, ['sh', '-c', kill]));
  }

  /** libvirt's number of this run of the guest, new at each start; undefined while it is off. */
  async runId(): Promise<string | undefined> {
    const id = (await virsh(this.host, 'domid', this.id)).trim();
    return id === '-' ? undefined : id;
  }

  /** Waits until libvirt says that the guest runs, in another run than the given one. */
  async untilRunsAgain(before: string | undefined): Promise<void> {
    await until('the guest runs again', guestDeadlineMs, async () => {
      const run = await this.runId();
      if (run === undefined || run === before) return undefined;
      return (await virsh(this.host, 'domstate', this.id)).trim() === 'running' ? true : undefined;
    });
  }

  /** Waits for another boot than the given one, with an agent that answers. */
  async untilBootedAgain(before: string): Promise<void> {
    await until('the guest has booted again', guestDeadlineMs, async () =>
      (await this.bootId()) === before ? undefined : true,
    );
  }
}
