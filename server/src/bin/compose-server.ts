/**
 * The control plane in one process: store, certificate authority, view, API, library, OVN, the loop
 * and the agents' streams, with simulated nodes if wanted. The command and the tests start it here.
 */
import { randomBytes } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { ConnectRouter } from '@connectrpc/connect';
import { AgentService } from '@limiquantix/proto/agent/v1/agent_service_pb.js';
import { createAgentService } from '../api/agent-service.js';
import type { ApiContext } from '../api/api-context.js';
import { AuditLog } from '../api/audit.js';
import { createAuth } from '../api/auth.js';
import { callerOf } from '../api/caller.js';
import { forgetOperations } from '../api/forget-operations.js';
import { startHousekeeping } from '../api/housekeeping.js';
import { registerInventory } from '../api/inventory-service.js';
import { ensureNode, joinNode } from '../api/join-node.js';
import { parseListenAddress } from '../api/listen.js';
import { Load } from '../api/load.js';
import { type LoadLimits, loadLimitsDefault } from '../api/load-limits.js';
import { identityMethods } from '../api/methods/identity.js';
import { shortLivedTokenMethods } from '../api/methods/short-lived-tokens.js';
import { leaderInterceptor, Relay } from '../api/relay.js';
import { sweepRequests } from '../api/request-log.js';
import { registerResources } from '../api/resource-service.js';
import { type ApiServer, startApiServer } from '../api/server.js';
import { registerTokens } from '../api/token-service.js';
import { registerUploads } from '../api/upload-service.js';
import { Uploads } from '../api/uploads.js';
import { CertificateAuthority, type KeyPair } from '../identity/certificate-authority.js';
import { Tokens } from '../identity/tokens.js';
import { Downloader } from '../library/download.js';
import { imageUploads } from '../library/image-content.js';
import { Library } from '../library/library.js';
import type { Log } from '../log.js';
import type { Clock, Random } from '../reconcile/clock.js';
import { Simulation } from '../simulate/simulation.js';
import { createWorld, type World } from '../simulate/world.js';
import type { EtcdTls } from '../store/etcd/client.js';
import type { Leadership } from '../store/leadership.js';
import { measuredStore } from '../store/measured.js';
import type { SqliteStoreOptions } from '../store/sqlite.js';
import type { Store } from '../store/store.js';
import type { Telemetry } from '../telemetry.js';
import type { Tracing } from '../tracing.js';
import type { OvsdbApi } from '../wire/ovsdb/api.js';
import { createOvsdbClient } from '../wire/ovsdb/client.js';
import { createDial, type TlsOptions } from '../wire/ovsdb/endpoint.js';
import { type Northbound, northbound } from '../wire/ovsdb/northbound.js';
import type { DatabaseSchema } from '../wire/ovsdb/schema.js';
import { type Southbound, southbound } from '../wire/ovsdb/southbound.js';
import { openContext } from './compose-context.js';
import { createLeadership, shareAuthority } from './compose-leadership.js';
import { newId } from './effects.js';
import { LeaderDuty } from './leader-duty.js';
import { lockDirectory } from './lock-directory.js';
import { createMetrics } from './metrics.js';
import { openStore, type StoreLocation } from './open-store.js';
import { type Profile, readProfile, writeProfile } from './profile.js';
import { tellMetrics } from './tell-metrics.js';

/** How a control plane is made. */
export interface ServerOptions {
  /** Holds everything that it keeps; made where it doesn't exist. */
  readonly dataDirectory: string;
  /** `host:port` or paths of sockets; port 0 is any free one. */
  readonly listen: readonly string[];
  /** Further names and addresses for the server's certificate. */
  readonly names: readonly string[];
  /** OVN's northbound, such as `unix:/run/ovn/ovnnb_db.sock`; that one without it. */
  readonly northbound?: string | undefined;
  /** OVN's southbound, for the doctor; not looked at without it. */
  readonly southbound?: string | undefined;
  /** Whom to trust and who we are at OVN's databases, where their remotes are `ssl:`. */
  readonly ovnTls?: TlsOptions | undefined;
  /** For tests, in the place of a client of the real northbound. */
  readonly connectNorthbound?: () => OvsdbApi<Northbound>;
  /** Where its state is; a file of SQLite's in the data directory without it. */
  readonly store?: StoreLocation | undefined;
  /** The URL by which other servers reach this one; where it listens without it. */
  readonly advertise?: string | undefined;
  /** Whom to trust and who we are at etcd. */
  readonly storeTls?: EtcdTls | undefined;
  /** For tests, in the place of what opens the store. */
  readonly openStore?: (options: SqliteStoreOptions) => Store | Promise<Store>;
  /** Simulated nodes in this process; with any, OVN is simulated as well. */
  readonly simulate: number;
  /** Where to tell metrics and readiness by HTTP; nowhere without it. */
  readonly metricsListen?: string | undefined;
  /** Records what calls lead to, in this process' simulated nodes as well; nobody without it. */
  readonly tracing?: Tracing | undefined;
  /** How much users may have in flight; the defaults without it. */
  readonly load?: LoadLimits;
  /** A further file for the clients' profile. */
  readonly writeProfileTo?: string | undefined;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly version: string;
}

/** A control plane that runs. */
export interface RunningServer {
  /** Where it listens. */
  readonly endpoints: readonly string[];
  /** What clients need. */
  readonly profile: Profile;
  readonly profilePath: string;
  /** The simulated nodes; undefined without any. */
  readonly simulation: Simulation | undefined;
  /** Ends calls and streams, then the work under way. */
  stop(): Promise<void>;
}

const northboundDefault = 'unix:/run/ovn/ovnnb_db.sock';
const directoryMode = 0o700;

/**
 * Starts a control plane; resolves when it answers and its simulated nodes, if any, are starting.
 */
export async function startServer(options: ServerOptions): Promise<RunningServer> {
  const stops: (() => Promise<void> | void)[] = [];
  const stop = async (): Promise<void> => {
    for (const end of stops.splice(0).reverse()) await end();
  };
  try {
    return { ...(await compose(options, (end) => stops.push(end))), stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function compose(
  options: ServerOptions,
  onStop: (end: () => Promise<void> | void) => void,
): Promise<Omit<RunningServer, 'stop'>> {
  const { dataDirectory, clock, log } = options;
  const at = (name: string): string => join(dataDirectory, name);
  await mkdir(dataDirectory, { recursive: true, mode: directoryMode });
  onStop(lockDirectory(dataDirectory, 'server'));
  const metrics = createMetrics(options.version);
  const { telemetry } = metrics;
  const { tracing } = options;
  const store = await openOwnStore(options);
  onStop(() => store.close());
  const isSimulated = options.simulate > 0;
  const ownStore = measuredStore(store, { telemetry, tracing });
  const context = await openContext({ ...options, store: ownStore, newId, isSimulated }, onStop);
  const nowMs = context.nowMs;
  const authority = await CertificateAuthority.open({ directory: at('ca'), nowMs, randomBytes });
  const caFingerprint = authority.fingerprint;
  await shareAuthority(store, caFingerprint);
  const tokens = new Tokens({ store: context.store, nowMs, randomBytes, caFingerprint });
  const downloader = new Downloader({ clock });
  const library = await Library.open({ directory: at('images'), downloader });
  onStop(() => library.close());
  const world = await openWorld(options);
  if (world !== undefined) onStop(() => world.stop());
  const duty = new LeaderDuty({
    ...{ context, tokens, library, clock, log, random: options.random, telemetry, tracing },
    ...ovnOf(options, world),
  });
  const onChange = (): void => relay.changed();
  const leadership = createLeadership({ store, clock, log, newId, onChange });
  const { certificatePem: caPem } = authority;
  const relay = new Relay({ leadership, caPem, keyPair: await authority.peerPair(), clock, log });
  const audit = new AuditLog(context, log);
  const parts = { context, authority, tokens, audit, library, duty, leadership, relay, telemetry };
  onStop(() => leadership.stop());
  onStop(() => audit.stop());
  const api = await startApi(options, parts);
  onStop(() => api.close());
  onStop(() => relay.close());
  await leadership.start(options.advertise ?? endpointFor(api), duty.lead);
  onStop(keepHouse(options, parts, api));
  const told = await tellMetrics(options, metrics, parts);
  onStop(() => told?.close());
  const profilePath = at('profile.json');
  const profile = {
    endpoint: endpointFor(api),
    caCertificate: caPem,
    token: await ensureToken(tokens, profilePath),
  };
  await writeProfile(profilePath, profile);
  if (options.writeProfileTo !== undefined) await writeProfile(options.writeProfileTo, profile);
  const { endpoints } = api;
  const { version } = options;
  log.info('the control plane is up', { endpoints, profile: profilePath, version });
  const simulation = world && (await simulate(options, world, parts));
  if (simulation !== undefined) onStop(() => simulation.stop());
  return { endpoints, profile, profilePath, simulation };
}

/** Begins what is to be done now and then; what is for all servers is done by the leader. */
function keepHouse(options: ServerOptions, parts: ApiParts, api: ApiServer): () => void {
  const { clock, log } = options;
  const { context, authority, tokens, audit, leadership } = parts;
  return startHousekeeping({
    forget: async () => {
      if (!leadership.isLeading) return;
      await sweepRequests(context.store, clock.nowMs());
      await forgetOperations(context);
      await tokens.sweep();
      await audit.forget();
    },
    clock,
    log,
    keyPair: () => serverKeyPair(options, authority),
    setKeyPair: (keyPair) => api.setKeyPair(keyPair),
  });
}

async function openOwnStore(options: ServerOptions): Promise<Store> {
  const { dataDirectory, clock, log } = options;
  const nowMs = (): number => clock.nowMs();
  const path = join(dataDirectory, 'server.db');
  const location = options.store ?? { kind: 'sqlite', path };
  const given = await options.openStore?.({ path, nowMs });
  return given ?? openStore(location, { tls: options.storeTls, clock, log });
}

interface ApiParts {
  readonly context: ApiContext;
  readonly authority: CertificateAuthority;
  readonly tokens: Tokens;
  readonly audit: AuditLog;
  readonly library: Library;
  readonly duty: LeaderDuty;
  readonly leadership: Leadership;
  readonly relay: Relay;
  readonly telemetry: Telemetry;
}

async function startApi(options: ServerOptions, parts: ApiParts): Promise<ApiServer> {
  const { context, authority, tokens, leadership, relay } = parts;
  return startApiServer({
    addresses: options.listen.map(parseListenAddress),
    keyPair: await serverKeyPair(options, authority),
    caPem: authority.certificatePem,
    routes: (router) => register(router, parts),
    auth: createAuth({ tokens, context, log: options.log, audit: parts.audit }),
    refuse: leaderInterceptor({ isLeading: () => leadership.isLeading }),
    relay: (...arrived) => relay.take(...arrived),
    load: new Load(options.load ?? loadLimitsDefault, options.random),
    clock: options.clock,
    log: options.log,
    telemetry: parts.telemetry,
    tracing: options.tracing,
    newId: context.newId,
  });
}

/**
 * The server's certificate for where it listens; a new one where the end of the old one is near.
 */
function serverKeyPair(options: ServerOptions, authority: CertificateAuthority): Promise<KeyPair> {
  const addresses = options.listen.map(parseListenAddress);
  const hosts = addresses.flatMap((address) => (address.kind === 'tcp' ? [address.host] : []));
  const names = hosts.filter((host) => host !== '0.0.0.0' && host !== '::');
  return authority.serverPair([...names, ...options.names]);
}

function register(router: ConnectRouter, parts: ApiParts): void {
  const { context, authority, tokens, library, duty } = parts;
  const { types, view, validate } = context;
  registerResources(router, context, [
    ...shortLivedTokenMethods(tokens),
    ...identityMethods(tokens),
  ]);
  registerTokens(router, tokens, validate);
  registerInventory(router, duty.inventory, validate);
  const uploads = new Uploads({
    types,
    sinks: new Map([['image', imageUploads(library)]]),
    resourceOf: (type, id) => view.get(type, id),
    poke: duty.poke,
  });
  registerUploads(router, uploads, validate);
  router.service(
    AgentService,
    createAgentService({
      hub: duty.hub,
      nodeOf: (call) => {
        const caller = callerOf(call);
        if (caller.kind !== 'node') throw new Error('the permission agent.connect let a user in');
        return caller.nodeId;
      },
      join: (request) => joinNode({ context, tokens, authority }, request),
      readImage: (imageId, offset, signal) => library.read(imageId, offset, signal),
    }),
  );
}

async function openWorld({ simulate, clock, random }: ServerOptions): Promise<World | undefined> {
  return simulate === 0 ? undefined : createWorld({ hosts: simulate, clock, random });
}

async function simulate(
  options: ServerOptions,
  world: World,
  parts: Pick<ApiParts, 'context' | 'duty' | 'library'>,
): Promise<Simulation> {
  const { context, duty, library } = parts;
  const simulation = new Simulation({
    ...options,
    world,
    hub: duty.hub,
    types: context.types,
    lookup: context.view,
    directory: join(options.dataDirectory, 'simulate'),
    joinNode: (name) => ensureNode(context, name),
    readImage: (imageId, offset, signal) => library.read(imageId, offset, signal),
  });
  await simulation.start();
  return simulation;
}

/** OVN's databases, real or simulated, to be connected to in each term. */
const ovnOf = (options: ServerOptions, world: World | undefined) => ({
  connectNorthbound: () => world?.connectNorthbound() ?? connectNorthbound(options),
  connectSouthbound: () => world?.connectSouthbound() ?? connectSouthbound(options),
});

function connectNorthbound(options: ServerOptions): OvsdbApi<Northbound> {
  if (options.connectNorthbound !== undefined) return options.connectNorthbound();
  return connectOvn(options, northbound, options.northbound ?? northboundDefault);
}

function connectSouthbound(options: ServerOptions): OvsdbApi<Southbound> | undefined {
  return options.southbound === undefined
    ? undefined
    : connectOvn(options, southbound, options.southbound);
}

/** Connects to a database at one of its remotes, with commas between. */
function connectOvn<D extends DatabaseSchema>(
  { clock, ovnTls }: ServerOptions,
  database: D,
  remotes: string,
): OvsdbApi<D> {
  const endpoints = remotes.split(',');
  return createOvsdbClient({ database, endpoints, dial: createDial(ovnTls), timers: clock });
}

/** The URL that clients on this machine use. */
function endpointFor(api: ApiServer): string {
  const https = api.endpoints.find((endpoint) => endpoint.startsWith('https:'));
  return (https ?? api.endpoints[0] ?? '').replace('//0.0.0.0:', '//127.0.0.1:');
}

/** The token in the profile if it is still good, or a new one. */
async function ensureToken(tokens: Tokens, profilePath: string): Promise<string> {
  const known = (await readProfile(profilePath))?.token;
  if (known !== undefined) {
    const isGood = await tokens.verifyApiToken(known).then(
      () => true,
      // Revoked, or of another installation: the profile gets a new one.
      () => false,
    );
    if (isGood) return known;
  }
  const { token } = await tokens.createApiToken({ name: 'admin', expiresInSeconds: 0 });
  return token;
}
