import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readOvnTls, readTlsFiles } from './tls-files.js';

let directory = '';
const file = (name: string): string => join(directory, name);
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'lqx-tls-'));
  for (const name of ['ca', 'cert', 'key']) writeFileSync(file(name), `the ${name}`);
});
afterAll(() => rmSync(directory, { recursive: true }));

test('reads the files for TLS to OVN, and none where none is named', async () => {
  const all = { ovnCa: file('ca'), ovnCert: file('cert'), ovnKey: file('key') };
  expect(await readOvnTls(all)).toEqual({
    caPem: 'the ca',
    certificatePem: 'the cert',
    privateKeyPem: 'the key',
  });
  expect(await readOvnTls({})).toBeUndefined();
});

test.each([
  ['ovnCa', 'ca'],
  ['ovnCert', 'cert'],
  ['ovnKey', 'key'],
])('refuses %s alone: an identity takes all three', async (option, name) => {
  await expect(readOvnTls({ [option]: file(name) })).rejects.toMatchObject({
    reason: 'OVN_TLS_INCOMPLETE',
  });
});

test('etcd is content with a CA alone', async () => {
  const files = { ca: file('ca'), cert: undefined, key: undefined };
  expect(await readTlsFiles(files)).toEqual({ ...files, ca: 'the ca' });
});
