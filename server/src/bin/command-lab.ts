/**
 * `limiquantix lab`: real hosts on one machine, for trying and testing. Each has its own
 * libvirt, Open vSwitch and OVN controller in its own namespaces; the machine's own are never
 * touched.
 */
import { Argument, Command, CommanderError, Option } from 'commander';
import {
  defaultLabDir,
  defaultLabName,
  type LabStatus,
  type Link,
  labCrash,
  labCut,
  labDaemonKill,
  labDaemonStart,
  labDown,
  labExec,
  labHeal,
  labStart,
  labStatus,
  labUp,
  links,
  startRelayServer,
} from '../lab/lab.js';
import { type Cli, parseCount } from './cli.js';
import { aborted } from './command-server.js';

const help = `
A lab is N isolated hosts (node-1, node-2, …) and OVN's central databases, joined by an underlay.
It needs root and the packages that scripts/setup-apt.sh installs. Examples:

  limiquantix lab up --nodes 2
  limiquantix lab status
  limiquantix lab exec node-1 -- virsh list --all
  limiquantix lab crash node-1          # like a power cut; its disks stay
  limiquantix lab start node-1
  limiquantix lab cut node-1 ovn        # like a pulled cable; lab heal mends it
  limiquantix lab down                  # nothing is left`;

interface DirOption {
  readonly dir: string;
}

interface UpOptions extends DirOption {
  readonly name: string;
  readonly nodes: number;
  readonly chassis: boolean;
}

/** The command. */
export function labCommand(cli: Cli): Command {
  const command = new Command('lab')
    .description('real hosts on this machine, isolated, for trying and testing (root)')
    .enablePositionalOptions()
    .addHelpText('after', help);
  addUpAndDown(command, cli);
  addNodeCommands(command, cli);
  addDaemonCommands(command);
  addLinkCommands(command);
  command.addCommand(relayCommand(cli), { hidden: true });
  return command;
}

function addUpAndDown(command: Command, cli: Cli): void {
  const report = (line: string) => cli.stdout.write(`${line}\n`);
  withDir(command.command('up'))
    .description('make a lab; returns when all of its daemons answer')
    .option('--nodes <count>', 'how many hosts', parseCount(1), 2)
    .option('--name <name>', 'tells labs on one machine apart', defaultLabName)
    .option('--no-chassis', 'leave joining OVN to agents')
    .action(async (options: UpOptions) => {
      const { dir, name, nodes, chassis } = options;
      const relayCommand = [process.execPath, process.argv[1] ?? '', 'lab', 'relay'];
      const configureChassis = chassis;
      const status = await labUp({ dir, name, nodes, configureChassis, relayCommand, report });
      cli.stdout.write(describeStatus(status));
    });
  withDir(command.command('down'))
    .description('remove the lab: no process, namespace, mount or file of it is left')
    .action(({ dir }: DirOption) => labDown({ dir, report }));
  withDir(command.command('status'))
    .description('say what runs and where its sockets are')
    .addOption(new Option('-o, --output <format>', 'how').choices(['text', 'json']).default('text'))
    .action(({ dir, output }: DirOption & { output: string }) => {
      const status = labStatus(dir);
      const json = `${JSON.stringify(status, null, 2)}\n`;
      cli.stdout.write(output === 'json' ? json : describeStatus(status));
    });
}

function addNodeCommands(command: Command, cli: Cli): void {
  withDir(command.command('crash'))
    .description("cut a host's power: all its processes die at once, its disks stay")
    .argument('<node>', 'such as node-1')
    .action(async (node: string, { dir }: DirOption) => {
      await labCrash({ dir, node });
      cli.stdout.write(`${node} is down; to power it on: limiquantix lab start ${node}\n`);
    });
  withDir(command.command('start'))
    .description('power a host on again after a crash')
    .argument('<node>', 'such as node-1')
    .action(async (node: string, { dir }: DirOption) => {
      await labStart({ dir, node });
      cli.stdout.write(`${node} is up\n`);
    });
  withDir(command.command('exec'))
    .description('run a command inside a host')
    .argument('<node>', 'such as node-1')
    .argument('<command...>', 'the command and its arguments, after --')
    .passThroughOptions()
    .action(async (node: string, words: string[], { dir }: DirOption) => {
      const inner = words[0] === '--' ? words.slice(1) : words;
      const code = await labExec({ dir, node, command: inner });
      if (code !== 0) throw new CommanderError(code, 'lab.exec', '');
    });
}

function addDaemonCommands(command: Command): void {
  const acts = {
    kill: { description: 'kill one daemon, to see what happens', act: labDaemonKill },
    restart: { description: 'start a daemon that was killed', act: labDaemonStart },
  };
  for (const [verb, { description, act }] of Object.entries(acts)) {
    withDir(command.command(`${verb}-daemon`))
      .description(description)
      .argument('<node>', "a host's name, or central")
      .argument('<daemon>', 'such as libvirtd, ovs-vswitchd; in central northbound, northd')
      .action((node: string, daemon: string, { dir }: DirOption) => act({ dir, node, daemon }));
  }
}

function addLinkCommands(command: Command): void {
  const acts = {
    cut: { description: 'cut a host off, without a word to anybody', act: labCut },
    heal: { description: 'heal a cut', act: labHeal },
  };
  for (const [verb, { description, act }] of Object.entries(acts)) {
    withDir(command.command(verb))
      .description(description)
      .argument('<node>', 'such as node-1')
      .addArgument(new Argument('<link>', 'what it is cut off from').choices([...links]))
      .action((node: string, link: Link, { dir }: DirOption) => act({ dir, node, link }));
  }
}

/** Runs in the lab's central namespace; `lab up` starts it. */
function relayCommand(cli: Cli): Command {
  return new Command('relay')
    .requiredOption('--listen <address:port>')
    .requiredOption('--to <socket>')
    .option('--pid-file <file>')
    .action(async (options: { listen: string; to: string; pidFile?: string }) => {
      const [host = '', port] = options.listen.split(':');
      const { to: socketPath, pidFile } = options;
      const relay = { host, port: Number(port), socketPath, ...(pidFile ? { pidFile } : {}) };
      const server = await startRelayServer(relay);
      await aborted(cli.signal);
      server.close();
    });
}

function withDir(command: Command): Command {
  return command.option('--dir <folder>', 'where the lab keeps everything', defaultLabDir);
}

function describeStatus(status: LabStatus): string {
  const { central } = status;
  const nodes = status.nodes.flatMap((node) => [
    `${node.name}: ${node.up ? 'up' : 'down'}, agent ${node.agentRunning ? 'up' : 'down'}`,
    ...(node.up ? [`  libvirt    ${node.libvirtSocket}`, `  ovs        ${node.ovsSocket}`] : []),
    `  folder     ${node.dir}`,
  ]);
  return [
    `lab ${status.name} in ${status.dir}`,
    ...nodes,
    `central: ${central.running.join(', ')} run`,
    `  northbound unix:${central.northboundSocket}`,
    `  southbound ${central.southboundRemote} (from hosts)`,
    `control plane, for agents: ${status.endpoint} → ${status.serverSocket}`,
    '',
  ].join('\n');
}
