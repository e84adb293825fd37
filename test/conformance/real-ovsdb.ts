/**
 * A real ovsdb-server with an empty database in a folder of its own, on a unix socket, TCP and
 * TLS on loopback. Needs the package ovsdb-server (openvswitch-common), no root.
 */
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import 'reflect-metadata';
import * as x509 from '@peculiar/x509';
import type { Timers } from '../../server/src/wire/ovsdb/api.js';
import type { TlsOptions } from '../../server/src/wire/ovsdb/endpoint.js';

/** The schemas that the packages bring. */
export const schemaFiles = {
  northbound: '/usr/share/ovn/ovn-nb.ovsschema',
  southbound: '/usr/share/ovn/ovn-sb.ovsschema',
  openVSwitch: '/usr/share/openvswitch/vswitch.ovsschema',
};

/** Whether a program is installed. */
export function isInstalled(program: string): boolean {
  return !spawnSync(program, ['--version']).error;
}

/** Timers of the process. */
export const processTimers: Timers = {
  after(delayMs, run) {
    const timer = setTimeout(run, delayMs);
    return () => clearTimeout(timer);
  },
};

/** Where a server listens. */
export interface RealOvsdb {
  readonly folder: string;
  readonly unix: string;
  readonly tcp: string;
  readonly ssl: string;
  readonly tls: TlsOptions;
  /** Ends the process as a crash would; the database file stays. */
  kill(): Promise<void>;
  /** Starts it again on the same addresses. */
  start(): void;
  /** Ends it and removes its folder. */
  stop(): Promise<void>;
}

/** Makes a database from a schema file and serves it. */
export async function startRealOvsdb(schemaFile: string): Promise<RealOvsdb> {
  const folder = mkdtempSync(join(tmpdir(), 'limiquantix-ovsdb-'));
  const files = await writeCertificates(folder);
  const [tcpPort, sslPort] = await freePorts(2);
  const socket = join(folder, 'db.sock');
  const database = join(folder, 'db');
  execFileSync('ovsdb-tool', ['create', database, schemaFile]);
  let child: ChildProcess | undefined;
  const kill = async (): Promise<void> => {
    const running = child;
    child = undefined;
    if (!running || running.exitCode !== null) return;
    const ended = new Promise((done) => running.once('exit', done));
    running.kill('SIGKILL');
    await ended;
  };
  const start = (): void => {
    child = spawn(
      'ovsdb-server',
      [
        `--remote=punix:${socket}`,
        `--remote=ptcp:${tcpPort}:127.0.0.1`,
        `--remote=pssl:${sslPort}:127.0.0.1`,
        `--private-key=${files.serverKey}`,
        `--certificate=${files.serverCertificate}`,
        `--ca-cert=${files.ca}`,
        `--unixctl=${join(folder, 'ctl')}`,
        `--log-file=${join(folder, 'log')}`,
        database,
      ],
      { stdio: 'ignore' },
    );
  };
  start();
  return {
    folder,
    unix: `unix:${socket}`,
    tcp: `tcp:127.0.0.1:${tcpPort}`,
    ssl: `ssl:127.0.0.1:${sslPort}`,
    tls: files.client,
    kill,
    start,
    stop: async () => {
      await kill();
      if (existsSync(folder)) rmSync(folder, { recursive: true });
    },
  };
}

async function freePorts(count: number): Promise<readonly number[]> {
  const servers = Array.from({ length: count }, () => createServer());
  const ports: number[] = [];
  for (const server of servers) {
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
    const address = server.address();
    if (typeof address === 'object' && address) ports.push(address.port);
  }
  for (const server of servers) await new Promise((done) => server.close(done));
  return ports;
}

/** Files of a test authority, a server on loopback and a client. */
export interface CertificateFiles {
  readonly ca: string;
  readonly serverKey: string;
  readonly serverCertificate: string;
  readonly client: TlsOptions;
}

/** Writes them into a folder. */
export async function writeCertificates(folder: string): Promise<CertificateFiles> {
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
  const newKeys = () => crypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  const notBefore = new Date(Date.now() - 60_000);
  const notAfter = new Date(Date.now() + 3_600_000);
  const caKeys = await newKeys();
  const ca = await x509.X509CertificateGenerator.createSelfSigned({
    name: 'CN=test authority',
    keys: caKeys,
    notBefore,
    notAfter,
    signingAlgorithm: algorithm,
    extensions: [new x509.BasicConstraintsExtension(true, 1, true)],
  });
  const issue = async (name: string, serialNumber: string) => {
    const keys = await newKeys();
    const certificate = await x509.X509CertificateGenerator.create({
      subject: `CN=${name}`,
      issuer: ca.subject,
      serialNumber,
      publicKey: keys.publicKey,
      signingKey: caKeys.privateKey,
      notBefore,
      notAfter,
      signingAlgorithm: algorithm,
      extensions: [new x509.SubjectAlternativeNameExtension([{ type: 'ip', value: '127.0.0.1' }])],
    });
    const der = await crypto.subtle.exportKey('pkcs8', keys.privateKey);
    return { certificate: certificate.toString('pem'), key: toPem(der) };
  };
  const server = await issue('server', '02');
  const client = await issue('client', '03');
  const write = (name: string, text: string): string => {
    writeFileSync(join(folder, name), text, { mode: 0o600 });
    return join(folder, name);
  };
  const caPem = ca.toString('pem');
  return {
    ca: write('ca.pem', caPem),
    serverKey: write('server.key', server.key),
    serverCertificate: write('server.pem', server.certificate),
    client: { caPem, certificatePem: client.certificate, privateKeyPem: client.key },
  };
}

function toPem(der: ArrayBuffer): string {
  const base64 = Buffer.from(der).toString('base64').replace(/.{64}/g, '$&\n').trimEnd();
  return `-----BEGIN PRIVATE KEY-----\n${base64}\n-----END PRIVATE KEY-----\n`;
}

/** The end of a server's log, for a failure's message. */
export function logOf({ folder }: RealOvsdb): string {
  return readFileSync(join(folder, 'log'), 'utf8').split('\n').slice(-20).join('\n');
}
