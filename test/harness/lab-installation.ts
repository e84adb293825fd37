/**
 * A whole installation on real daemons: a lab of N hosts, the control plane as a process in the
 * root namespace, an agent on every host. Used by the demo and by the lab suites.
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import {
  type LabStatus,
  labAgentStart,
  labAgentStop,
  labDown,
  labStatus,
  labUp,
} from '../../server/src/lab/lab.js';
import { type EndedCommand, endOfCommand, runCommand } from './command.js';
import { ControlPlane, freePort } from './control-plane.js';
import { commandBundle } from './paths.js';
import { until } from './wait.js';

const agentsDeadlineMs = 60_000;

/** How an installation is made. */
export interface LabInstallationOptions {
  /** An empty folder for all of it. */
  readonly dir: string;
  /** The lab's name; names its namespaces. */
  readonly name: string;
  readonly nodes: number;
  /** Port of the control plane on loopback; a free one without it. */
  readonly port?: number;
  readonly report: (line: string) => void;
}

/** A lab with its control plane. */
export class LabInstallation {
  readonly dir: string;
  readonly labDir: string;
  readonly controlPlane: ControlPlane;

  private constructor(options: LabInstallationOptions, lab: LabStatus, port: number) {
    this.dir = options.dir;
    this.labDir = lab.dir;
    this.controlPlane = new ControlPlane({
      dir: join(options.dir, 'server'),
      port,
      args: [
        ...['--listen', `unix:${lab.serverSocket}`],
        ...['--san', lab.central.managementAddress],
        ...['--ovn-nb', `unix:${lab.central.northboundSocket}`],
        ...['--ovn-sb', `unix:${lab.central.southboundSocket}`],
      ],
    });
  }

  /** Makes it all; on failure nothing of the lab is left. */
  static async up(options: LabInstallationOptions): Promise<LabInstallation> {
    const { dir, name, nodes, report } = options;
    mkdirSync(dir, { recursive: true });
    const relayCommand = [process.execPath, commandBundle, 'lab', 'relay'];
    const lab = await labUp({
      ...{ dir: join(dir, 'lab'), name, nodes, report },
      ...{ configureChassis: false, relayCommand },
    });
    const installation = new LabInstallation(options, lab, options.port ?? (await freePort()));
    try {
      await installation.controlPlane.start();
      report('the control plane answers');
      await installation.#joinAgents();
      report(`${nodes} agents have joined`);
    } catch (error) {
      await installation.down(report);
      throw error;
    }
    return installation;
  }

  /** What of the lab runs, and where its sockets are. */
  get status(): LabStatus {
    return labStatus(this.labDir);
  }

  /** Runs the `limiquantix` command against the control plane. */
  async command(...args: string[]): Promise<string> {
    const environment = { LIMIQUANTIX_PROFILE: this.controlPlane.profile };
    return runCommand(process.execPath, [commandBundle, ...args], environment);
  }

  /** Runs `limiquantix doctor`, whatever it finds. */
  async doctor(...args: string[]): Promise<EndedCommand> {
    const environment = { LIMIQUANTIX_PROFILE: this.controlPlane.profile };
    return endOfCommand(process.execPath, [commandBundle, 'doctor', ...args], environment);
  }

  /** Kills a host's agent as a crash would. */
  async killAgent(node: string): Promise<void> {
    await labAgentStop({ dir: this.labDir, node, how: 'KILL' });
  }

  /** Starts a host's agent, which has joined before. */
  async startAgent(node: string): Promise<void> {
    const agent = { command: agentCommand(), environment: {}, restart: false };
    await labAgentStart({ dir: this.labDir, node, agent });
  }

  /** Waits until all hosts are ready. */
  async agentsReady(): Promise<void> {
    const wanted = this.status.nodes.length;
    await until('all nodes are ready', agentsDeadlineMs, async () => {
      const nodes = JSON.parse(await this.command('get', 'nodes', '-o', 'json')) as unknown;
      const ready = JSON.stringify(nodes).match(/"phase":"ready"/g)?.length ?? 0;
      return ready >= wanted ? true : undefined;
    });
  }

  /** Removes it all. */
  async down(report: (line: string) => void): Promise<void> {
    await this.controlPlane.stop();
    await labDown({ dir: this.labDir, report });
  }

  async #joinAgents(): Promise<void> {
    for (const node of this.status.nodes) {
      const token = (await this.command('node', 'join-token', '--node-name', node.name)).trim();
      const command = [...agentCommand(), '--join-token', token.split('\n').at(-1) ?? ''];
      const agent = { command, environment: {}, restart: false };
      await labAgentStart({ dir: this.labDir, node: node.name, agent });
    }
    await this.agentsReady();
  }
}

function agentCommand(): string[] {
  return [
    ...[process.execPath, commandBundle, 'agent'],
    ...['--server', '{endpoint}', '--node-name', '{node}', '--data-dir', '{dataDir}'],
    ...['--libvirt-socket', '{libvirtSocket}', '--ovs-socket', '{ovsSocket}'],
    ...['--ovn-sb', '{ovnRemote}', '--encap-ip', '{encapIp}'],
  ];
}
