/**
 * Every way that an agent's stream goes to the control plane's hub: one line each. Over the network
 * it is the API's own listener and the agent's own client, with certificates on both sides.
 */
import 'reflect-metadata';
import { randomBytes, randomUUID, webcrypto } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AgentService } from '@limiquantix/proto/agent/v1/agent_service_pb.js';
import { PemConverter, Pkcs10CertificateRequestGenerator } from '@peculiar/x509';
import type { OpenStream } from '../../server/src/agent/connection.js';
import { connectControlPlane } from '../../server/src/agent/control-plane.js';
import type { AgentHub } from '../../server/src/api/agent-hub.js';
import { createAgentService } from '../../server/src/api/agent-service.js';
import { connectionOf } from '../../server/src/api/connection.js';
import { Load } from '../../server/src/api/load.js';
import { loadLimitsDefault } from '../../server/src/api/load-limits.js';
import { startApiServer } from '../../server/src/api/server.js';
import { systemClock } from '../../server/src/bin/effects.js';
import { CertificateAuthority } from '../../server/src/identity/certificate-authority.js';
import { silentLog } from '../../server/src/log.js';

/** A way to the hub. */
export interface AgentLink {
  readonly name: string;
  /** Opens it for the agent of a node. */
  start(hub: AgentHub, nodeId: string): Promise<StartedLink>;
}

/** A way that is open. */
export interface StartedLink {
  readonly open: OpenStream;
  stop(): Promise<void>;
}

/** All of them. */
export const agentLinks: readonly AgentLink[] = [
  { name: 'within the process', start: inProcess },
  { name: 'over HTTP/2 with certificates', start: overNetwork },
];

async function inProcess(hub: AgentHub, nodeId: string): Promise<StartedLink> {
  return {
    open: (requests, signal) => hub.serve(nodeId, requests, signal),
    stop: async () => undefined,
  };
}

async function overNetwork(hub: AgentHub, nodeId: string): Promise<StartedLink> {
  const directory = mkdtempSync(join(tmpdir(), 'lqx-link-'));
  const nowMs = (): number => systemClock.nowMs();
  const authority = await CertificateAuthority.open({ directory, nowMs, randomBytes });
  const { certificatePem: caPem } = authority;
  const server = await startApiServer({
    addresses: [{ kind: 'tcp', host: '127.0.0.1', port: 0 }],
    keyPair: await authority.serverPair([]),
    caPem,
    routes: (router) =>
      router.service(
        AgentService,
        createAgentService({
          hub,
          nodeOf: ({ values }) => {
            const { nodeId: node } = connectionOf({ values });
            if (node === undefined) throw new Error('no certificate');
            return node;
          },
          join: () => Promise.reject(new Error('nobody joins here')),
          readImage: () => none(),
        }),
      ),
    auth: { identify: async () => undefined, interceptor: (next) => (request) => next(request) },
    load: new Load(loadLimitsDefault, () => 0.5),
    clock: systemClock,
    log: silentLog,
    newId: randomUUID,
  });
  const [endpoint = ''] = server.endpoints;
  const identity = { ...(await certify(authority, nodeId)), caPem };
  const controlPlane = connectControlPlane(endpoint, identity);
  return {
    open: controlPlane.open,
    async stop() {
      controlPlane.close();
      await server.close();
      rmSync(directory, { recursive: true });
    },
  };
}

const keyAlgorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;

async function certify(authority: CertificateAuthority, nodeId: string) {
  const keys = await webcrypto.subtle.generateKey(keyAlgorithm, true, ['sign', 'verify']);
  const request = await Pkcs10CertificateRequestGenerator.create({
    ...{ name: 'CN=one', keys, signingAlgorithm: keyAlgorithm },
  });
  const pkcs8 = await webcrypto.subtle.exportKey('pkcs8', keys.privateKey);
  return {
    keyPem: PemConverter.encode(pkcs8, 'PRIVATE KEY'),
    certificatePem: await authority.signAgent(request.toString('pem'), nodeId),
  };
}

/** No image has content here. */
async function* none(): AsyncGenerator<Uint8Array> {
  yield* [];
}
