/**
 * A control plane's API for tests: a store in a temporary folder, an authority, a TLS listener on
 * the loopback, and clients for it. No reconcilers run. Used by tests only.
 */
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { DescService } from '@bufbuild/protobuf';
import {
  type Client,
  type ConnectRouter,
  createClient,
  type Interceptor,
  type Transport,
} from '@connectrpc/connect';
import {
  createConnectTransport,
  createGrpcTransport,
  createGrpcWebTransport,
} from '@connectrpc/connect-node';
import { AgentService } from '@limiquantix/proto/agent/v1/agent_service_pb.js';
import { fullAccess } from '../decide/access.js';
import { type AdmissionTable, admissionTable } from '../decide/admission.js';
import { Capacity } from '../decide/capacity.js';
import { claimsOf } from '../decide/claims.js';
import { judges } from '../decide/judge-table.js';
import { CertificateAuthority } from '../identity/certificate-authority.js';
import { Tokens } from '../identity/tokens.js';
import { type Log, silentLog } from '../log.js';
import type { Clock } from '../reconcile/clock.js';
import { createIds } from '../resource/new-id.js';
import { contractTypes } from '../resource/type-registry.js';
import { openSqliteStore } from '../store/sqlite.js';
import { View } from '../view/view.js';
import type { ApiContext } from './api-context.js';
import { AuditLog } from './audit.js';
import { createAuth } from './auth.js';
import { ensureBuiltIns } from './built-ins.js';
import { nodeOf } from './caller.js';
import { InventoryKeeper } from './inventory.js';
import { registerInventory } from './inventory-service.js';
import { joinNode } from './join-node.js';
import { Load } from './load.js';
import { loadLimitsDefault } from './load-limits.js';
import { identityMethods } from './methods/identity.js';
import { shortLivedTokenMethods } from './methods/short-lived-tokens.js';
import { PlanSessions } from './plan-sessions.js';
import { PolicyDenials } from './policy-denials.js';
import { registerResources } from './resource-service.js';
import { type ApiServer, startApiServer } from './server.js';
import { Snapshots } from './snapshots.js';
import { StatusWriter } from './status-writer.js';
import { registerTokens } from './token-service.js';
import { Turns } from './turns.js';
import { registerUploads } from './upload-service.js';
import { Uploads } from './uploads.js';
import { Usage } from './usage.js';
import { createValidate } from './validation.js';

/** A clock on which time passes as it is waited for. */
export function createHastyClock(): Clock {
  let nowMs = 0;
  return {
    nowMs: () => nowMs,
    after(delayMs, act) {
      nowMs += delayMs;
      const timer = setImmediate(act);
      return () => clearImmediate(timer);
    },
  };
}

const nothing = { objects: [], deviations: [], failures: [] };

/** What may differ. */
export interface TestOptions {
  readonly clock: Clock;
  readonly random?: () => number;
  readonly admission?: AdmissionTable;
  readonly historyRevisionsMax?: number;
  readonly eventsKeptMax?: number;
  readonly load?: Load;
}

/** How to call. */
export interface CallOptions {
  /** gRPC as the provider and the command line speak it, without it. */
  readonly protocol?: 'connect' | 'grpc' | 'grpc-web';
  readonly httpVersion?: '1.1' | '2';
  /** Instead of the installation's own API token; undefined for none. */
  readonly token?: string | undefined;
  readonly certificate?: { readonly keyPem: string; readonly certificatePem: string };
}

/** The running installation. */
export interface TestInstallation {
  readonly context: ApiContext;
  readonly writer: StatusWriter;
  readonly tokens: Tokens;
  readonly authority: CertificateAuthority;
  readonly audit: AuditLog;
  readonly denials: PolicyDenials;
  readonly server: ApiServer;
  readonly endpoint: string;
  readonly token: string;
  /** What was logged as an error. */
  readonly errors: readonly string[];
  client<S extends DescService>(service: S, options?: CallOptions): Client<S>;
  stop(): Promise<void>;
}

const validate = createValidate();

/** Starts an installation. */
export async function startTestInstallation(options: TestOptions): Promise<TestInstallation> {
  const folder = mkdtempSync(join(tmpdir(), 'limiquantix-api-'));
  const { clock } = options;
  const nowMs = () => clock.nowMs();
  const errors: string[] = [];
  const base = await openContext(options, join(folder, 'server.db'), errors);
  const denials = new PolicyDenials(base, logInto(errors));
  const context: ApiContext = { ...base, denials };
  const { store, view } = context;
  const authority = await CertificateAuthority.open({ directory: folder, nowMs, randomBytes });
  const tokens = new Tokens({ store, nowMs, randomBytes, caFingerprint: authority.fingerprint });
  const audit = new AuditLog(context, logInto(errors));
  const { token } = await tokens.createApiToken({ name: 'tester', expiresInSeconds: 0 });
  const server = await startApiServer({
    addresses: [{ kind: 'tcp', host: '127.0.0.1', port: 0 }],
    keyPair: await authority.serverPair([]),
    caPem: authority.certificatePem,
    routes: (router) => register(router, { context, tokens, authority }),
    auth: createAuth({ tokens, context, log: logInto(errors), audit }),
    load: options.load ?? new Load(loadLimitsDefault, context.random),
    clock,
    log: logInto(errors),
    newId: context.newId,
  });
  const [endpoint = ''] = server.endpoints;
  const transports = new Map<string, Transport>();
  return {
    context,
    writer: new StatusWriter(context),
    tokens,
    authority,
    audit,
    denials,
    server,
    endpoint,
    token,
    errors,
    client(service, call = {}) {
      const given = { token, ...call };
      const key = JSON.stringify(given);
      const known = transports.get(key) ?? transport(endpoint, authority.certificatePem, given);
      transports.set(key, known);
      return createClient(service, known);
    },
    async stop() {
      await server.close();
      await audit.stop();
      await denials.stop();
      context.plans.stop();
      context.snapshots.stop();
      await view.stop();
      await store.close();
      rmSync(folder, { recursive: true });
    },
  };
}

async function openContext(
  options: TestOptions,
  path: string,
  errors: string[],
): Promise<ApiContext> {
  const { clock, eventsKeptMax, historyRevisionsMax = 100_000 } = options;
  const nowMs = () => clock.nowMs();
  const store = openSqliteStore({ path, nowMs, historyRevisionsMax, eventsKeptMax });
  const onFailure = (error: unknown) => errors.push(String(error));
  const view = new View({ store, types: contractTypes, clock, onFailure, claimsOf });
  const capacity = new Capacity();
  view.onChange((change) => capacity.changed(change));
  await view.start();
  const context: ApiContext = {
    types: contractTypes,
    store,
    view,
    admission: options.admission ?? admissionTable(),
    capacity,
    support: { refusal: () => undefined, isObject: () => false },
    validate,
    newId: createIds({ nowMs, randomBytes }),
    nowMs,
    clock,
    random: options.random ?? (() => 0.5),
    access: fullAccess,
    usage: new Usage(view, contractTypes),
    turns: new Turns(),
    judges,
    plans: new PlanSessions({ view, clock }),
    snapshots: new Snapshots(clock),
  };
  await ensureBuiltIns(context);
  return context;
}

const logInto = (errors: string[]): Log => ({
  ...silentLog,
  warn: (message) => errors.push(message),
  error: (message, fields) => errors.push(`${message} ${JSON.stringify(fields)}`),
});

function register(
  router: ConnectRouter,
  parts: { context: ApiContext; tokens: Tokens; authority: CertificateAuthority },
): void {
  registerResources(router, parts.context, [
    ...shortLivedTokenMethods(parts.tokens),
    ...identityMethods(parts.tokens),
  ]);
  registerTokens(router, parts.tokens, validate);
  // No backends here: nothing is found in them.
  const own = { inspect: async () => nothing, remove: async () => [] };
  const hub = { inspect: async () => nothing };
  // The installation's clock stands still where nobody moves it.
  const context = { ...parts.context, clock: createHastyClock() };
  const inventory = new InventoryKeeper({ context, hub, own, poke: () => undefined });
  registerInventory(router, inventory, validate);
  const { types, view } = parts.context;
  const resourceOf = (type: string, id: string) => view.get(type, id);
  const uploads = new Uploads({ types, sinks: new Map(), resourceOf, poke: () => undefined });
  registerUploads(router, uploads, validate);
  router.service(AgentService, {
    register: (request) => joinNode(parts, request),
    // No library here: the content of every image is the name of the node that asks.
    async *readImage(_request, call) {
      yield { data: new TextEncoder().encode(nodeOf(call)) };
    },
  });
}

function transport(endpoint: string, caPem: string, call: CallOptions): Transport {
  const bearer: Interceptor = (next) => (request) => {
    if (call.token !== undefined) request.header.set('authorization', `Bearer ${call.token}`);
    return next(request);
  };
  const { keyPem, certificatePem } = call.certificate ?? {};
  const nodeOptions = { ca: caPem, ...(keyPem && { key: keyPem, cert: certificatePem }) };
  const common = { baseUrl: endpoint, interceptors: [bearer], nodeOptions };
  const httpVersion = call.httpVersion ?? '2';
  if (call.protocol === 'connect') return createConnectTransport({ ...common, httpVersion });
  if (call.protocol === 'grpc-web') return createGrpcWebTransport({ ...common, httpVersion });
  return createGrpcTransport(common);
}
