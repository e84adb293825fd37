/**
 * `limiquantix server`: the control plane, with simulated nodes if wanted. Only what it takes; what
 * a server is made of is loaded when it runs.
 */
import { Command, InvalidArgumentError, Option } from 'commander';
import { loadLimitsDefault } from '../api/load-limits.js';
import { type Cli, collect, parseCount } from './cli.js';
import type { RunningServer } from './compose-server.js';
import { systemClock, systemRandom } from './effects.js';
import { type LogLevel, logLevels } from './log-levels.js';
import {
  parseStoreLocation,
  readStoreTls,
  type StoreLocation,
  type StoreTlsOptions,
  storeTlsOptions,
} from './open-store.js';
import { openTracing, otlpOption } from './open-tracing.js';
import { type OvnTlsOptions, readOvnTls } from './tls-files.js';
import { version } from './version.js';

interface ServerCommandOptions extends StoreTlsOptions, OvnTlsOptions {
  readonly dataDir: string;
  readonly listen?: readonly string[];
  readonly san?: readonly string[];
  readonly store?: StoreLocation;
  readonly advertise?: string;
  readonly ovnNb?: string;
  readonly ovnSb?: string;
  readonly simulate: number;
  readonly writeProfile?: string;
  readonly metricsListen?: string;
  readonly otlpEndpoint?: string;
  readonly requestsMax: number;
  readonly watchesMax: number;
  readonly logLevel: LogLevel;
}

/** Where the control plane listens when nothing is said. */
export const listenDefault = '127.0.0.1:7443';

/** The command. */
export function serverCommand(cli: Cli): Command {
  const command = withOptions(new Command('server').description('run the control plane'));
  for (const option of storeTlsOptions()) command.addOption(option);
  return command.action(async (options: ServerCommandOptions) => {
    const [{ startServer }, { createLog }] = await Promise.all([
      import('./compose-server.js'),
      import('./log.js'),
    ]);
    const log = createLog({
      level: options.logLevel,
      isTerminal: cli.stderr.isTerminal,
      write: cli.stderr.write,
    });
    const { otlpEndpoint: endpoint } = options;
    const traces = { service: 'limiquantix-server', env: cli.env, endpoint, log };
    const { tracing, close } = await openTracing(traces);
    const server = await startServer({
      dataDirectory: options.dataDir,
      listen: options.listen ?? [listenDefault],
      names: options.san ?? [],
      store: options.store,
      storeTls: await readStoreTls(options),
      advertise: options.advertise,
      northbound: options.ovnNb,
      southbound: options.ovnSb,
      ovnTls: await readOvnTls(options),
      simulate: options.simulate,
      metricsListen: options.metricsListen,
      load: { requestsMax: options.requestsMax, watchesMax: options.watchesMax },
      writeProfileTo: options.writeProfile,
      clock: systemClock,
      random: systemRandom,
      log,
      tracing,
      version,
    });
    if (cli.stderr.isTerminal) cli.stderr.write(welcome(server, options.simulate));
    await aborted(cli.signal);
    await server.stop();
    await close();
  });
}

/** Adds the options of the command. */
function withOptions(command: Command): Command {
  return command
    .requiredOption('--data-dir <folder>', 'where it keeps its state; made if it does not exist')
    .option(
      '--listen <address>',
      `host:port or path of a socket; may be repeated (default: ${listenDefault})`,
      collect,
    )
    .option('--san <name>', "a further name or address for the server's certificate", collect)
    .option(
      '--store <store>',
      'where the state is: sqlite:PATH or etcd://HOST:PORT,HOST:PORT[?prefix=NAME/] (default: sqlite:<data-dir>/server.db)',
      parseStoreLocation,
    )
    .option(
      '--advertise <url>',
      'where other servers on the same store reach this one, such as https://10.0.0.1:7443',
      parseUrl,
    )
    .option('--ovn-nb <remote>', "OVN's northbound: unix:PATH, tcp:HOST:PORT or ssl:HOST:PORT")
    .option('--ovn-sb <remote>', "OVN's southbound, where limiquantix doctor looks for lost hosts")
    .option('--ovn-ca <file>', "OVN: the CA of its databases' certificates, for ssl: remotes")
    .option('--ovn-cert <file>', 'OVN: our client certificate')
    .option('--ovn-key <file>', "OVN: that certificate's key")
    .option('--simulate <count>', 'run this many simulated nodes in the process', parseCount(1), 0)
    .option('--write-profile <file>', 'write the profile for clients to this file as well')
    .option(
      '--metrics-listen <address>',
      'host:port for /metrics (Prometheus), /healthz and /readyz by plain HTTP (default: none)',
    )
    .option(
      '--requests-max <count>',
      'requests of users that are served at once',
      parseCount(1),
      loadLimitsDefault.requestsMax,
    )
    .option(
      '--watches-max <count>',
      'watches of users that are open at once',
      parseCount(1),
      loadLimitsDefault.watchesMax,
    )
    .addOption(otlpOption())
    .addOption(logLevelOption());
}

/** A URL of HTTPS. */
function parseUrl(text: string): string {
  if (!URL.canParse(text) || new URL(text).protocol !== 'https:') {
    throw new InvalidArgumentError('give a URL such as https://10.0.0.1:7443');
  }
  return text;
}

/** The option that says which lines the log has. */
export function logLevelOption(): Option {
  return new Option('--log-level <level>', 'which lines the log has')
    .choices([...logLevels])
    .default('info');
}

/** Resolves when the signal aborts. */
export function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    // The clock's timers alone need not keep the process alive; a command that runs must.
    const alive = setInterval(() => undefined, 3_600_000);
    const done = (): void => {
      clearInterval(alive);
      resolve();
    };
    signal.addEventListener('abort', done, { once: true });
  });
}

function welcome(server: RunningServer, simulated: number): string {
  const nodes =
    simulated > 0
      ? `${simulated} simulated nodes run in this process.`
      : 'Join a host: limiquantix node join-token, then there: limiquantix agent --help';
  return [
    '',
    `The control plane is up at ${server.profile.endpoint}`,
    `Profile for clients: ${server.profilePath}`,
    nodes,
    `Next: export LIMIQUANTIX_PROFILE=${server.profilePath} && limiquantix get nodes`,
    '',
    '',
  ].join('\n');
}
