/**
 * How a host joins: the token carries the fingerprint of the control plane's CA, so the CA itself
 * may come over a connection that nothing vouches for yet. Then the token and a certificate
 * request, over one that the CA vouches for, are exchanged for a client certificate. The key never
 * leaves the host.
 */
import 'reflect-metadata';
import { webcrypto } from 'node:crypto';
import { request } from 'node:https';
import { Code, createClient } from '@connectrpc/connect';
import { createConnectTransport } from '@connectrpc/connect-node';
import { AgentService } from '@limiquantix/proto/agent/v1/agent_service_pb.js';
import { PemConverter, Pkcs10CertificateRequestGenerator, X509Certificate } from '@peculiar/x509';
import { LimiError } from '../resource/error.js';
import { urlsOf } from './control-plane.js';
import type { NodeIdentity } from './identity.js';

/** What a host joins with. */
export interface JoinOptions {
  /** The control plane's URL, such as `https://10.0.0.1:7443`; several have commas between. */
  readonly serverUrl: string;
  readonly joinToken: string;
  readonly nodeName: string;
}

const caBytesMax = 65_536;
const timeoutMs = 15_000;
const keyAlgorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;

/**
 * Joins at the first server of several that is reached. Throws LimiError where the CA isn't the
 * token's, or the control plane refuses.
 */
export async function join(options: JoinOptions): Promise<NodeIdentity> {
  const { serverUrl } = options;
  let unreached: unknown;
  for (const url of urlsOf(serverUrl)) {
    try {
      return { ...(await joinAt({ ...options, serverUrl: url })), serverUrl };
    } catch (error) {
      if (!(error instanceof LimiError) || error.reason !== 'SERVER_UNREACHABLE') throw error;
      unreached = error;
    }
  }
  throw unreached;
}

async function joinAt(options: JoinOptions): Promise<NodeIdentity> {
  const { serverUrl, joinToken, nodeName } = options;
  const fingerprint = fingerprintOf(joinToken);
  const caPem = await fetchCa(serverUrl);
  await checkFingerprint(caPem, fingerprint);
  const keys = await webcrypto.subtle.generateKey(keyAlgorithm, true, ['sign', 'verify']);
  const csr = await Pkcs10CertificateRequestGenerator.create({
    name: `CN=${nodeName}`,
    keys,
    signingAlgorithm: keyAlgorithm,
  });
  const client = createClient(
    AgentService,
    createConnectTransport({ baseUrl: serverUrl, httpVersion: '2', nodeOptions: { ca: caPem } }),
  );
  const answer = await client.register(
    { joinToken, nodeName, csrPem: csr.toString('pem') },
    { timeoutMs },
  );
  const pkcs8 = await webcrypto.subtle.exportKey('pkcs8', keys.privateKey);
  return {
    nodeId: answer.nodeId,
    serverUrl,
    keyPem: PemConverter.encode(pkcs8, 'PRIVATE KEY'),
    certificatePem: answer.certificatePem,
    caPem,
  };
}

/** The SHA-256 of the CA's certificate, which is the last part of a join token. */
function fingerprintOf(joinToken: string): string {
  const match = /^lqxj_.+_([0-9a-f]{64})$/.exec(joinToken);
  if (match?.[1] === undefined) {
    throw refused(
      'JOIN_TOKEN_MALFORMED',
      'this is no join token; make one: limiquantix node join-token',
    );
  }
  return match[1];
}

async function checkFingerprint(caPem: string, fingerprint: string): Promise<void> {
  const certificate = new X509Certificate(caPem);
  const digest = await webcrypto.subtle.digest('SHA-256', certificate.rawData);
  if (Buffer.from(digest).toString('hex') === fingerprint) return;
  throw refused(
    'WRONG_CA',
    'the server has another CA than the one that the join token was made with; ' +
      'check the address, and make a new token if the server was set up anew',
  );
}

/** Fetches the CA's certificate without believing in the connection: the fingerprint tells. */
function fetchCa(serverUrl: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const fail = (cause: unknown): void => reject(unreachable(serverUrl, cause));
    const options = { rejectUnauthorized: false, agent: false, timeout: timeoutMs };
    const call = request(new URL('/ca.pem', serverUrl), options, (response) => {
      const pieces: Buffer[] = [];
      let length = 0;
      response.on('data', (piece: Buffer) => {
        length += piece.length;
        if (length > caBytesMax)
          call.destroy(new Error('the answer is too long for a certificate'));
        else pieces.push(piece);
      });
      response.on('error', fail);
      response.on('end', () => {
        if (response.statusCode === 200) resolve(Buffer.concat(pieces).toString('utf8'));
        else fail(new Error(`the server answered with status ${response.statusCode}`));
      });
    });
    call.on('error', fail);
    call.on('timeout', () => call.destroy(new Error('the server did not answer in time')));
    call.end();
  });
}

function refused(reason: string, message: string): LimiError {
  return new LimiError({ code: Code.InvalidArgument, reason, message });
}

function unreachable(serverUrl: string, cause: unknown): LimiError {
  return new LimiError({
    code: Code.Unavailable,
    reason: 'SERVER_UNREACHABLE',
    message: `cannot read the CA's certificate from ${serverUrl}; check the address and the firewall`,
    retryable: true,
    cause,
  });
}
