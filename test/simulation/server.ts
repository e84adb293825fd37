/**
 * A control plane in a simulation: the product's own parts, put together as `compose-server.ts`
 * does, without a listener and without files. What it works with is guarded by its life, so that
 * it can die at any await.
 */
import type { DescMethod } from '@bufbuild/protobuf';
import { create, isMessage } from '@bufbuild/protobuf';
import { Code, ConnectError, type ConnectRouter, type HandlerContext } from '@connectrpc/connect';
import { fromBinary, toBinary } from '@limiquantix/proto/binary/codec.js';
import type { ApiContext } from '../../server/src/api/api-context.js';
import { AuditLog } from '../../server/src/api/audit.js';
import { createAuth } from '../../server/src/api/auth.js';
import { valuesOf } from '../../server/src/api/connection.js';
import { encodingOf } from '../../server/src/api/encoded.js';
import { errorInterceptor } from '../../server/src/api/errors.js';
import { recordMethods, type ServedMethod } from '../../server/src/api/grpc/methods.js';
import { ensureNode } from '../../server/src/api/join-node.js';
import { Load, loadInterceptor } from '../../server/src/api/load.js';
import { loadLimitsDefault } from '../../server/src/api/load-limits.js';
import { identityMethods } from '../../server/src/api/methods/identity.js';
import { leaderInterceptor, needsLeader } from '../../server/src/api/relay.js';
import { registerResources } from '../../server/src/api/resource-service.js';
import { createValidate } from '../../server/src/api/validation.js';
import { openContext } from '../../server/src/bin/compose-context.js';
import { LeaderDuty } from '../../server/src/bin/leader-duty.js';
import { Tokens } from '../../server/src/identity/tokens.js';
import type { Library } from '../../server/src/library/library.js';
import type { Log } from '../../server/src/log.js';
import { createIds } from '../../server/src/resource/new-id.js';
import type { Leadership } from '../../server/src/store/leadership.js';
import { measuredStore } from '../../server/src/store/measured.js';
import type { Store } from '../../server/src/store/store.js';
import type { Telemetry } from '../../server/src/telemetry.js';
import type { OvsdbApi } from '../../server/src/wire/ovsdb/api.js';
import type { Northbound } from '../../server/src/wire/ovsdb/northbound.js';
import type { Chance } from './chance.js';
import type { Life } from './life.js';
import type { Seams } from './mutations.js';

/** What a server is started with. */
export interface SimulatedServerOptions {
  readonly life: Life;
  readonly chance: Chance;
  readonly log: Log;
  readonly store: Store;
  readonly leadership: (options: { readonly onChange: () => void }) => Leadership;
  readonly connectNorthbound: () => OvsdbApi<Northbound>;
  /** A bug that is put in. */
  readonly seams: Seams;
  /** Takes how commits and passes of the loop end; nobody without it. */
  readonly telemetry?: Telemetry | undefined;
}

/** A call as it comes by the network: bytes, and the token of who makes it. */
export interface ArrivedCall {
  readonly method: DescMethod;
  readonly request: Uint8Array;
  readonly authorization: string | undefined;
  readonly signal: AbortSignal;
}

/** A control plane that runs. */
export interface SimulatedServer {
  readonly life: Life;
  readonly context: ApiContext;
  readonly tokens: Tokens;
  readonly duty: LeaderDuty;
  readonly leadership: Leadership;
  /** Whether a method is another server's to answer. */
  mustRelay(method: DescMethod): boolean;
  unary(call: ArrivedCall): Promise<Uint8Array>;
  stream(call: ArrivedCall): AsyncIterable<Uint8Array>;
  /** The id of the node of a host, which joins if it has not. */
  join(name: string): Promise<string>;
}

/** The contract's rules are read once for all runs. */
const validate = createValidate();

/** Starts a control plane; resolves when it serves. */
export async function startSimulatedServer(
  options: SimulatedServerOptions,
): Promise<SimulatedServer> {
  const { life, chance, log, telemetry } = options;
  const store = measuredStore(options.store, { telemetry });
  const { clock } = life;
  const nowMs = (): number => clock.nowMs();
  const newId = createIds({ nowMs, randomBytes: chance.bytes });
  const { random } = chance;
  const context = await openContext(
    { store, clock, log, random, newId, validate, isSimulated: true },
    () => undefined,
  );
  options.seams.context?.(context);
  const tokens = new Tokens({ store, nowMs, randomBytes: chance.bytes, caFingerprint: '' });
  const duty = new LeaderDuty({
    ...{ context, tokens, clock, log, random, library: noLibrary, telemetry },
    connectNorthbound: () => {
      const api = options.connectNorthbound();
      return options.seams.northbound?.(api) ?? api;
    },
  });
  const leadership = options.leadership({ onChange: () => undefined });
  const audit = new AuditLog(context, log);
  const methods = methodsOf(options, { context, tokens, audit, leadership, newId });
  await leadership.start(`https://${life.name}`, duty.lead);
  return {
    ...{ life, context, tokens, duty, leadership },
    mustRelay: (method) => !leadership.isLeading && needsLeader(pathOf(method)),
    unary: async (call) => {
      const { served, response } = await run(methods, call);
      return encode(served, response.message as object);
    },
    async *stream(call) {
      const { served, response } = await run(methods, call);
      for await (const message of response.message as AsyncIterable<object>) {
        yield encode(served, message);
      }
    },
    join: (name) => ensureNode(context, name),
  };
}

interface Parts {
  readonly context: ApiContext;
  readonly tokens: Tokens;
  readonly audit: AuditLog;
  readonly leadership: Leadership;
  readonly newId: () => string;
}

/** The methods with the interceptors that the listener has. */
function methodsOf(
  { log, chance }: SimulatedServerOptions,
  { context, tokens, audit, leadership, newId }: Parts,
): ReadonlyMap<string, ServedMethod> {
  const router: ConnectRouter = { handlers: [], service: () => router, rpc: () => router };
  const interceptors = [
    errorInterceptor({ log, newId }),
    leaderInterceptor({ isLeading: () => leadership.isLeading }),
    createAuth({ tokens, context, log, audit }).interceptor,
    // The limits are so high that they don't matter here; what counts is that calls end.
    loadOf(chance),
  ];
  const { recording, methods } = recordMethods(router, interceptors);
  registerResources(recording, context, identityMethods(tokens));
  return methods;
}

function loadOf(chance: Chance) {
  return loadInterceptor(new Load(loadLimitsDefault, chance.random));
}

async function run(methods: ReadonlyMap<string, ServedMethod>, call: ArrivedCall) {
  const { method, signal, authorization } = call;
  const path = pathOf(method);
  const served = methods.get(path);
  if (served === undefined) throw new ConnectError(`there is no ${path}`, Code.Unimplemented);
  const message = fromBinary(method.input, call.request);
  const connection = { ...user, authorization, traceparent: '', hangUp: () => undefined };
  const values = valuesOf(connection);
  const isStream = method.methodKind === 'server_streaming';
  const common = {
    ...{ service: method.parent, method, requestMethod: 'POST', url: `https://server${path}` },
    ...{ signal, header: new Headers(), contextValues: values },
  };
  const request = { ...common, stream: isStream, message: isStream ? only(message) : message };
  const context = { ...common, values, requestHeader: common.header, timeoutMs: () => undefined };
  const response = await served.run(
    request as unknown as Parameters<ServedMethod['run']>[0],
    context as unknown as HandlerContext,
  );
  return { served, response };
}

const user = { isLocal: false, address: '192.0.2.9', nodeId: undefined, isServer: false };

function encode({ method }: ServedMethod, answer: object): Uint8Array {
  const known = encodingOf(answer)?.();
  if (known !== undefined) return known;
  const { output } = method;
  const message = isMessage(answer, output)
    ? answer
    : create(output, answer as Record<string, unknown>);
  return toBinary(output, message);
}

async function* only<T>(value: T): AsyncGenerator<T> {
  yield value;
}

const pathOf = (method: DescMethod): string => `/${method.parent.typeName}/${method.name}`;

/** No image is declared in a simulation. */
const noLibrary = {} as unknown as Library;
