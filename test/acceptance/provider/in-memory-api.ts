/**
 * A control plane in a test's memory: the standard methods of every resource type from their
 * descriptors, watches, uploads, and a status that follows a moment after. It decides nothing; it
 * is there to see what the provider sends, and to answer as the contract says.
 */

import { randomBytes } from 'node:crypto';
import { createSecureServer, createServer, type Http2Server } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { create, type DescMethod, getOption, hasOption, type Message } from '@bufbuild/protobuf';
import { Code, ConnectError, type ConnectRouter, type HandlerContext } from '@connectrpc/connect';
import { connectNodeAdapter } from '@connectrpc/connect-node';
import { BadRequestSchema } from '@limiquantix/proto/google/rpc/error_details_pb.js';
import { contractFiles } from '@limiquantix/proto/registry.js';
import { resource as resourceOption } from '@limiquantix/proto/resource/v1/options_pb.js';
import { UploadService } from '@limiquantix/proto/resource/v1/upload_service_pb.js';
import { createCheck } from '@limiquantix/proto/validation/check.js';
import { selfSigned } from '../../../provider/src/plugin/certificate.js';
import { MemoryStore, type StoredType } from './memory-store.js';

/** A running control plane. */
export interface InMemoryApi {
  readonly endpoint: string;
  /** With TLS: the certificate to trust. */
  readonly caCertificate: string | undefined;
  readonly store: MemoryStore;
  /** The names of the methods called so far, such as `CreateVirtualMachine`. */
  readonly calls: string[];
  /** The update masks received. */
  readonly masks: string[][];
  /** Refuses the next call of a verb for a field. */
  refuseNext(verb: string, field: string, description: string): void;
  /** The next call of a verb is carried out, and its answer is lost with the connection. */
  loseNextAnswer(verb: string): void;
  /** Breaks every connection, as a restart of the server does. */
  dropConnections(): void;
  close(): Promise<void>;
}

/** The token that it accepts. */
export const goodToken = 'lqx_test_secret';

/** Starts one on a free port of the loopback interface. */
export async function startInMemoryApi({ tls = false } = {}): Promise<InMemoryApi> {
  const store = new MemoryStore();
  const calls: string[] = [];
  const masks: string[][] = [];
  const refusals = new Map<string, { field: string; description: string }>();
  const lost = new Set<string>();
  const sessions = new Set<{ destroy(): void }>();
  const dropConnections = (): void => {
    for (const session of sessions) session.destroy();
  };
  const routes = (router: ConnectRouter): void =>
    registerAll(router, { store, calls, masks, refusals, lost, dropConnections });
  const handler = connectNodeAdapter({ routes });
  const certificate = tls ? selfSigned({ nowMs: Date.now(), serial: randomBytes(16) }) : undefined;
  const server: Http2Server =
    certificate === undefined
      ? createServer(handler)
      : createSecureServer({ cert: certificate.certificatePem, key: certificate.keyPem }, handler);
  server.on('session', (session) => {
    sessions.add(session);
    session.on('close', () => sessions.delete(session));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    endpoint: certificate === undefined ? `http://127.0.0.1:${port}` : `https://localhost:${port}`,
    caCertificate: certificate?.certificatePem,
    store,
    calls,
    masks,
    refuseNext: (verb, field, description) => refusals.set(verb, { field, description }),
    loseNextAnswer: (verb) => lost.add(verb),
    dropConnections,
    close: () => {
      store.stop();
      dropConnections();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}

interface Context {
  readonly store: MemoryStore;
  readonly calls: string[];
  readonly masks: string[][];
  readonly refusals: Map<string, { field: string; description: string }>;
  /** Verbs whose next answer is lost. */
  readonly lost: Set<string>;
  readonly dropConnections: () => void;
}

function registerAll(router: ConnectRouter, context: Context): void {
  for (const file of contractFiles) {
    for (const message of file.messages) {
      if (!hasOption(message, resourceOption)) continue;
      const options = getOption(message, resourceOption);
      const type: StoredType = { name: options.type, message, options };
      context.store.add(type);
      const service = contractFiles
        .flatMap(({ services }) => services)
        .find(({ name }) => name === `${message.name}Service`);
      if (service === undefined) throw new Error(`no service for ${message.name}`);
      const methods = service.methods.map((method) => [
        method.localName,
        handlerOf(type, method, context),
      ]);
      router.service(service, Object.fromEntries(methods));
    }
  }
  router.service(UploadService, {
    getUpload: ({ id }) => context.store.upload(id),
    writeChunk: ({ id, offset, data }) => context.store.writeChunk(id, Number(offset), data),
  });
}

type Fields = Record<string, unknown>;

function handlerOf(type: StoredType, method: DescMethod, context: Context): unknown {
  const { store, calls, masks, refusals, lost } = context;
  const [verb = ''] = method.name.match(/^[A-Z][a-z]+/) ?? [];
  const one = method.input.fields.find(({ message }) => message === type.message)?.localName ?? '';
  const out = method.output.fields.find(({ message }) => message === type.message)?.localName ?? '';
  const enter = (context: HandlerContext): void => {
    calls.push(method.name);
    if (context.requestHeader.get('authorization') !== `Bearer ${goodToken}`) {
      throw new ConnectError('the token is not known', Code.Unauthenticated);
    }
  };
  if (verb === 'Watch') {
    return async function* (request: Fields, context: HandlerContext) {
      enter(context);
      const events = store.watch(type, request['fromRevision'] as bigint, context.signal);
      for await (const { type: eventType, resource, revision } of events) {
        yield { type: eventType, [out]: resource, revision };
      }
    };
  }
  const act = (request: Fields): Fields => {
    const resource = request[one] as Message | undefined;
    switch (verb) {
      case 'Create':
        check(type, resource);
        return { [out]: store.create(type, resource, String(request['requestId'])) };
      case 'Update': {
        const { paths } = request['updateMask'] as { paths: string[] };
        masks.push(paths);
        check(type, resource);
        return { [out]: store.update(type, resource, { paths, etag: String(request['etag']) }) };
      }
      case 'Get':
        return { [out]: store.get(type, String(request['id'])) };
      case 'Delete':
        return { [out]: store.remove(type, String(request['id'])) };
      default:
        return { [out]: store.list(type, request), revision: store.revision };
    }
  };
  return (request: Fields, call: HandlerContext) => {
    // Plans are judged by a control plane of its own kind: test/acceptance/plans.test.ts.
    if (request['validateOnly'] === true) return {};
    enter(call);
    const refusal = refusals.get(verb);
    refusals.delete(verb);
    if (refusal !== undefined) throw invalid([refusal]);
    const answer = act(request);
    if (lost.delete(verb)) context.dropConnections();
    return answer;
  };
}

const contractCheck = createCheck({ matches: (text, pattern) => new RegExp(pattern).test(text) });

function check(type: StoredType, resource: Message | undefined): asserts resource is Message {
  if (resource === undefined) throw new ConnectError('no resource', Code.InvalidArgument);
  const violations = contractCheck(type.message, resource);
  if (violations.length === 0) return;
  throw invalid(violations.map(({ path, message }) => ({ field: path, description: message })));
}

function invalid(fieldViolations: { field: string; description: string }[]): ConnectError {
  return new ConnectError('the request is not valid', Code.InvalidArgument, undefined, [
    { desc: BadRequestSchema, value: create(BadRequestSchema, { fieldViolations }) },
  ]);
}
