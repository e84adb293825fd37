/**
 * The installation's own certificate authority: made at the first start, it signs the server's
 * certificate and those of the agents. Keys are files of mode 0600 in a directory of mode 0700, and
 * leave it nowhere.
 */
import 'reflect-metadata';
import { createHash, webcrypto } from 'node:crypto';
import { chmod, mkdir, open, readFile, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { Code } from '@connectrpc/connect';
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  cryptoProvider,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  type Extension,
  KeyUsageFlags,
  KeyUsagesExtension,
  PemConverter,
  Pkcs10CertificateRequest,
  SubjectAlternativeNameExtension,
  SubjectKeyIdentifierExtension,
  X509Certificate,
  X509CertificateGenerator,
} from '@peculiar/x509';
import { LimiError } from '../resource/error.js';

cryptoProvider.set(webcrypto);

/** What the authority works with. */
export interface AuthorityOptions {
  /** Where its files are; made where it doesn't exist. */
  readonly directory: string;
  readonly nowMs: () => number;
  readonly randomBytes: (count: number) => Uint8Array;
}

/** A key with its certificate, in PEM. */
export interface KeyPair {
  readonly keyPem: string;
  readonly certificatePem: string;
}

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
const dayMs = 24 * 60 * 60 * 1000;
const authorityDays = 20 * 365;
const serverDays = 825;
const renewBeforeDays = 30;
/** Clocks of hosts may be behind by this much. */
const skewMs = 60 * 60 * 1000;
const agentPrefix = 'node:';
const peerName = 'server';

/** The authority. */
export class CertificateAuthority {
  readonly #options: AuthorityOptions;
  readonly #certificate: X509Certificate;
  readonly #key: webcrypto.CryptoKey;

  private constructor(
    options: AuthorityOptions,
    certificate: X509Certificate,
    key: webcrypto.CryptoKey,
  ) {
    this.#options = options;
    this.#certificate = certificate;
    this.#key = key;
  }

  /** Reads the authority in a directory, or makes one there. */
  static async open(options: AuthorityOptions): Promise<CertificateAuthority> {
    await mkdir(options.directory, { recursive: true, mode: 0o700 });
    await chmod(options.directory, 0o700);
    const pair = (await readPair(options.directory, 'ca')) ?? (await createAuthority(options));
    const key = await importKey(pair.keyPem);
    return new CertificateAuthority(options, new X509Certificate(pair.certificatePem), key);
  }

  /** The authority's certificate. */
  get certificatePem(): string {
    return pem(this.#certificate);
  }

  /** SHA-256 of the authority's certificate (DER) in hexadecimal: what join tokens carry. */
  get fingerprint(): string {
    return createHash('sha256').update(Buffer.from(this.#certificate.rawData)).digest('hex');
  }

  /**
   * The server's key and certificate for these names and addresses, beside those of this machine's
   * loopback. Kept in the directory; made anew when a name isn't in it or its end is near.
   */
  async serverPair(names: readonly string[]): Promise<KeyPair> {
    const wanted = [...new Set(['localhost', '127.0.0.1', '::1', ...names])].sort();
    const known = await readPair(this.#options.directory, 'server');
    if (known !== undefined && this.#isGood(known, wanted)) return known;
    const keys = await generateKeys();
    const certificate = await this.#sign({
      subject: 'CN=limiquantix server',
      publicKey: keys.publicKey,
      days: serverDays,
      extensions: [
        new ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth]),
        new SubjectAlternativeNameExtension(wanted.map(asAlternativeName)),
      ],
    });
    const pair = { keyPem: await exportKey(keys.privateKey), certificatePem: pem(certificate) };
    await writePair(this.#options.directory, 'server', pair);
    return pair;
  }

  /**
   * A client certificate for a node's agent. Of the request (PKCS #10) only the public key is used.
   * Throws INVALID_ARGUMENT where it can't be read or isn't signed by its key.
   */
  async signAgent(csrPem: string, nodeId: string): Promise<string> {
    const request = await readRequest(csrPem);
    const certificate = await this.#sign({
      subject: `CN=${agentPrefix}${nodeId}`,
      publicKey: await request.publicKey.export(),
      // Agents have no way to renew theirs: a node that is removed is refused by its id.
      days: undefined,
      extensions: [new ExtendedKeyUsageExtension([ExtendedKeyUsage.clientAuth])],
    });
    return pem(certificate);
  }

  /** A key and a client certificate by which other servers of the installation know this one. */
  async peerPair(): Promise<KeyPair> {
    const keys = await generateKeys();
    const certificate = await this.#sign({
      subject: `CN=${peerName}`,
      publicKey: keys.publicKey,
      days: undefined,
      extensions: [new ExtendedKeyUsageExtension([ExtendedKeyUsage.clientAuth])],
    });
    return { keyPem: await exportKey(keys.privateKey), certificatePem: pem(certificate) };
  }

  #isGood({ certificatePem }: KeyPair, wanted: readonly string[]): boolean {
    const certificate = new X509Certificate(certificatePem);
    const alternative = certificate.getExtension(SubjectAlternativeNameExtension);
    const names = new Set(alternative?.names.items.map(({ value }) => value));
    const leftMs = certificate.notAfter.getTime() - this.#options.nowMs();
    const isOurs = certificate.issuer === this.#certificate.subject;
    return isOurs && leftMs > renewBeforeDays * dayMs && wanted.every((name) => names.has(name));
  }

  async #sign(options: {
    readonly subject: string;
    readonly publicKey: webcrypto.CryptoKey;
    readonly days: number | undefined;
    readonly extensions: readonly Extension[];
  }): Promise<X509Certificate> {
    const nowMs = this.#options.nowMs();
    const endMs = this.#certificate.notAfter.getTime();
    const wantedMs = options.days === undefined ? endMs : nowMs + options.days * dayMs;
    return X509CertificateGenerator.create({
      serialNumber: serialNumber(this.#options),
      issuer: this.#certificate.subject,
      subject: options.subject,
      notBefore: new Date(nowMs - skewMs),
      notAfter: new Date(Math.min(wantedMs, endMs)),
      publicKey: options.publicKey,
      signingKey: this.#key,
      signingAlgorithm: algorithm,
      extensions: [
        new BasicConstraintsExtension(false, undefined, true),
        new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
        await SubjectKeyIdentifierExtension.create(options.publicKey),
        await AuthorityKeyIdentifierExtension.create(this.#certificate),
        ...options.extensions,
      ],
    });
  }
}

/** The node that a client certificate's common name stands for, or undefined. */
export function nodeOfCommonName(name: string | undefined): string | undefined {
  return name?.startsWith(agentPrefix) ? name.slice(agentPrefix.length) : undefined;
}

/** Whether a client certificate's common name stands for a server of the installation. */
export const isServerCommonName = (name: string | undefined): boolean => name === peerName;

async function createAuthority(options: AuthorityOptions): Promise<KeyPair> {
  const keys = await generateKeys();
  const nowMs = options.nowMs();
  const name = `CN=limiquantix CA ${serialNumber(options).slice(0, 8)}`;
  const certificate = await X509CertificateGenerator.create({
    serialNumber: serialNumber(options),
    issuer: name,
    subject: name,
    notBefore: new Date(nowMs - skewMs),
    notAfter: new Date(nowMs + authorityDays * dayMs),
    publicKey: keys.publicKey,
    signingKey: keys.privateKey,
    signingAlgorithm: algorithm,
    extensions: [
      new BasicConstraintsExtension(true, 0, true),
      new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
      await SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  const pair = { keyPem: await exportKey(keys.privateKey), certificatePem: pem(certificate) };
  await writePair(options.directory, 'ca', pair);
  return pair;
}

async function readRequest(csrPem: string): Promise<Pkcs10CertificateRequest> {
  try {
    const request = new Pkcs10CertificateRequest(csrPem);
    if (await request.verify()) return request;
  } catch (cause) {
    throw badRequest(cause);
  }
  throw badRequest(undefined);
}

const generateKeys = (): Promise<webcrypto.CryptoKeyPair> =>
  webcrypto.subtle.generateKey(algorithm, true, [
    'sign',
    'verify',
  ]) as Promise<webcrypto.CryptoKeyPair>;

async function exportKey(key: webcrypto.CryptoKey): Promise<string> {
  const der = await webcrypto.subtle.exportKey('pkcs8', key);
  return `${PemConverter.encode(der, PemConverter.PrivateKeyTag)}\n`;
}

async function importKey(keyPem: string): Promise<webcrypto.CryptoKey> {
  const der = PemConverter.decodeFirst(keyPem);
  return webcrypto.subtle.importKey('pkcs8', der, algorithm, false, ['sign']);
}

const pem = (certificate: X509Certificate): string => `${certificate.toString('pem')}\n`;

/** A positive number of 127 random bits, in hexadecimal. */
function serialNumber({ randomBytes }: AuthorityOptions): string {
  const bytes = Buffer.from(randomBytes(16));
  bytes[0] = ((bytes[0] ?? 0) & 0x7f) | 0x40;
  return bytes.toString('hex');
}

function asAlternativeName(name: string): { type: 'ip' | 'dns'; value: string } {
  const isIp = /^\d+\.\d+\.\d+\.\d+$/.test(name) || name.includes(':');
  return { type: isIp ? 'ip' : 'dns', value: name };
}

async function readPair(directory: string, name: string): Promise<KeyPair | undefined> {
  const [keyPem, certificatePem] = await Promise.all([
    readIfThere(join(directory, `${name}.key`)),
    readIfThere(join(directory, `${name}.pem`)),
  ]);
  // The certificate is written last: a key without one is what a crash left.
  if (certificatePem === undefined) return undefined;
  if (keyPem === undefined) throw incomplete(`${name}.key`, directory);
  return { keyPem, certificatePem };
}

async function writePair(directory: string, name: string, pair: KeyPair): Promise<void> {
  await writeDurably(join(directory, `${name}.key`), pair.keyPem, 0o600);
  await writeDurably(join(directory, `${name}.pem`), pair.certificatePem, 0o644);
}

async function writeDurably(path: string, content: string, mode: number): Promise<void> {
  const file = await open(`${path}.part`, 'w', mode);
  try {
    await file.writeFile(content);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(`${path}.part`, path);
}

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw cause;
  }
}

const badRequest = (cause: unknown): LimiError =>
  new LimiError({
    code: Code.InvalidArgument,
    reason: 'CSR_INVALID',
    message:
      "the certificate request can't be read; send a PKCS #10 request in PEM, signed by its key",
    violations: [
      { path: 'csr_pem', message: 'must be a PKCS #10 request in PEM, signed by its key' },
    ],
    cause,
  });

const incomplete = (file: string, directory: string): LimiError =>
  new LimiError({
    code: Code.FailedPrecondition,
    reason: 'CA_INCOMPLETE',
    message: `the certificate authority's file ${file} is missing; restore it from a backup`,
    detail: directory,
  });
