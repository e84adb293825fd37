/** The etcd store over TLS with client certificates: who has one is served, others get a word. */
import { randomUUID } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '../../server/src/bin/effects.js';
import type { EtcdTls } from '../../server/src/store/etcd/client.js';
import { type EtcdStore, openEtcdStore } from '../../server/src/store/etcd/etcd.js';
import { hasEtcd, RealEtcd } from './real-etcd.js';
import { type CertificateFiles, writeCertificates } from './real-ovsdb.js';
import { put } from './store-suite.js';

const testEtcd = hasEtcd() ? test : test.skip;

testEtcd(
  'serves who has a certificate, and nobody else',
  async () => {
    const folder = mkdtempSync(join(tmpdir(), 'limiquantix-etcd-tls-'));
    const files: CertificateFiles = await writeCertificates(folder);
    const { ca, serverCertificate: cert, serverKey: key, client } = files;
    const etcd = await RealEtcd.start({ members: 1, tls: { ca, cert, key } });
    const open = (tls: EtcdTls | undefined): Promise<EtcdStore> =>
      openEtcdStore({
        endpoints: etcd.endpoints,
        prefix: 't/',
        tls,
        nowMs: Date.now,
        timers: systemClock,
        writer: randomUUID(),
      });
    try {
      const authority = readFileSync(ca, 'utf8');
      const store = await open({
        ca: authority,
        cert: client.certificatePem,
        key: client.privateKeyPem,
      });
      expect((await store.commit({ require: [], writes: [put('a')] })).ok).toBe(true);
      await store.close();
      await Promise.all(
        [undefined, { ca: authority }].map((tls) =>
          expect(open(tls)).rejects.toMatchObject({ reason: 'STORE_UNAVAILABLE' }),
        ),
      );
    } finally {
      await etcd.stop();
      rmSync(folder, { recursive: true });
    }
  },
  120_000,
);
