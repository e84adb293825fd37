import 'reflect-metadata';
import { randomBytes, webcrypto, X509Certificate } from 'node:crypto';
import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Pkcs10CertificateRequestGenerator } from '@peculiar/x509';
import { CertificateAuthority, nodeOfCommonName } from './certificate-authority.js';

describe('certificate authority', () => {
  let directory: string;
  let nowMs = Date.UTC(2026, 0, 1);
  const openAuthority = () =>
    CertificateAuthority.open({ directory, nowMs: () => nowMs, randomBytes });

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'limiquantix-ca-'));
    nowMs = Date.UTC(2026, 0, 1);
  });
  afterEach(() => rmSync(directory, { recursive: true }));

  it('is made once, with keys that only its user can read', async () => {
    const first = await openAuthority();
    await first.serverPair([]);
    const again = await openAuthority();
    expect(again.fingerprint).toBe(first.fingerprint);
    const der = new X509Certificate(first.certificatePem).raw;
    expect(first.fingerprint).toBe(
      Buffer.from(await webcrypto.subtle.digest('SHA-256', der)).toString('hex'),
    );
    for (const file of readdirSync(directory).filter((name) => name.endsWith('.key'))) {
      expect(statSync(join(directory, file)).mode & 0o777).toBe(0o600);
    }
  });

  it('signs a server certificate for names and addresses, and keeps it', async () => {
    const authority = await openAuthority();
    const pair = await authority.serverPair(['cp.example', '10.0.0.1']);
    const certificate = new X509Certificate(pair.certificatePem);
    expect(certificate.checkIssued(new X509Certificate(authority.certificatePem))).toBe(true);
    expect(certificate.checkHost('cp.example')).toBeDefined();
    for (const ip of ['10.0.0.1', '127.0.0.1', '::1'])
      expect(certificate.checkIP(ip)).toBeDefined();
    expect(await authority.serverPair(['10.0.0.1'])).toEqual(pair);
  });

  it('renews the server certificate for a new name and before its end', async () => {
    const authority = await openAuthority();
    const first = await authority.serverPair([]);
    const second = await authority.serverPair(['other.example']);
    expect(second.certificatePem).not.toBe(first.certificatePem);
    nowMs += 800 * 24 * 3600 * 1000;
    expect((await authority.serverPair([])).certificatePem).not.toBe(second.certificatePem);
  });

  it('signs a client certificate that names the node and nothing else of the request', async () => {
    const authority = await openAuthority();
    const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
    const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
    const request = await Pkcs10CertificateRequestGenerator.create({
      name: 'CN=node:forged',
      keys: keys as webcrypto.CryptoKeyPair,
      signingAlgorithm: algorithm,
    });
    const pem = await authority.signAgent(request.toString('pem'), 'n1');
    const certificate = new X509Certificate(pem);
    expect(nodeOfCommonName(/CN=(.*)/.exec(certificate.subject)?.[1])).toBe('n1');
    expect(certificate.verify(new X509Certificate(authority.certificatePem).publicKey)).toBe(true);
  });

  it('refuses a request that is none', async () => {
    const authority = await openAuthority();
    await expect(authority.signAgent('nonsense', 'n1')).rejects.toMatchObject({
      reason: 'CSR_INVALID',
    });
  });
});
