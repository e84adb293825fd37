/**
 * `limiquantix agent`: the agent of this host; it joins first where it has not joined. Only what it
 * takes; what an agent is made of is loaded when it runs.
 */
import { Command } from 'commander';
import type { Cli } from './cli.js';
import { aborted, logLevelOption } from './command-server.js';
import { systemClock, systemRandom } from './effects.js';
import type { LogLevel } from './log-levels.js';
import { openTracing, otlpOption } from './open-tracing.js';
import { version } from './version.js';

interface AgentCommandOptions {
  readonly dataDir: string;
  readonly server?: string;
  readonly joinToken?: string;
  readonly nodeName?: string;
  readonly libvirtSocket: string;
  readonly ovsSocket: string;
  readonly ovnSb: string;
  readonly encapIp: string;
  readonly otlpEndpoint?: string;
  readonly logLevel: LogLevel;
}

/** The command. */
export function agentCommand(cli: Cli): Command {
  return new Command('agent')
    .description('run the agent of this host; it joins the control plane at its first start')
    .option('--data-dir <folder>', 'where it keeps its state', '/var/lib/limiquantix')
    .option('--server <url>', "the control plane's URL, for joining; several have commas between")
    .option(
      '--join-token <token>',
      'token from: limiquantix node join-token (or LIMIQUANTIX_JOIN_TOKEN)',
    )
    .option('--node-name <name>', "the node's name (default: this host's)")
    .option('--libvirt-socket <path>', "libvirtd's socket", '/run/libvirt/libvirt-sock')
    .option('--ovs-socket <path>', "Open vSwitch's database socket", '/run/openvswitch/db.sock')
    .requiredOption('--ovn-sb <remote>', "OVN's southbound, such as ssl:10.0.0.1:6642")
    .requiredOption('--encap-ip <address>', 'the address that other hosts send Geneve packets to')
    .addOption(otlpOption())
    .addOption(logLevelOption())
    .action(async (options: AgentCommandOptions) => {
      const [{ startAgent }, { readIdentity }, { createLog }] = await Promise.all([
        import('./compose-agent.js'),
        import('../agent/identity.js'),
        import('./log.js'),
      ]);
      const log = createLog({
        level: options.logLevel,
        isTerminal: cli.stderr.isTerminal,
        write: cli.stderr.write,
      });
      const { otlpEndpoint: endpoint } = options;
      const traces = { service: 'limiquantix-agent', env: cli.env, endpoint, log };
      const { tracing, close } = await openTracing(traces);
      const agent = await startAgent({
        dataDirectory: options.dataDir,
        identity: await readIdentity(options.dataDir),
        serverUrl: options.server,
        joinToken: options.joinToken ?? cli.env['LIMIQUANTIX_JOIN_TOKEN'],
        nodeName: options.nodeName,
        libvirtSocket: options.libvirtSocket,
        ovsSocket: options.ovsSocket,
        southbound: options.ovnSb,
        encapIp: options.encapIp,
        clock: systemClock,
        random: systemRandom,
        log,
        tracing,
        version,
      });
      await aborted(cli.signal);
      await agent.stop();
      await close();
    });
}
