/** What a running control plane tells on its port for metrics. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLog } from '../log.js';
import { type RunningServer, startServer } from './compose-server.js';
import { systemClock } from './effects.js';
import { createMetrics } from './metrics.js';
import { listenForMetrics } from './metrics-listener.js';

let server: RunningServer;
const directory = mkdtempSync(join(tmpdir(), 'lqx-metrics-'));
const lines: Record<string, unknown>[] = [];

beforeAll(async () => {
  server = await startServer({
    dataDirectory: directory,
    listen: ['127.0.0.1:0'],
    metricsListen: '127.0.0.1:0',
    names: [],
    simulate: 2,
    clock: systemClock,
    random: Math.random,
    version: '1.2.3',
    log: { ...silentLog, info: (message, fields) => lines.push({ message, ...fields }) },
  });
});
afterAll(async () => {
  await server.stop();
  rmSync(directory, { recursive: true });
});

async function get(path: string): Promise<{ status: number; text: string; type: string | null }> {
  const told = lines.find(({ message }) => message === 'metrics are told');
  const response = await fetch(String(told?.['endpoint']).replace('/metrics', path));
  const type = response.headers.get('content-type');
  return { status: response.status, text: await response.text(), type };
}

/** The sum of a metric's samples that have all of these labels. */
function sum(text: string, name: string, labels: Readonly<Record<string, string>> = {}): number {
  const samples = [...text.matchAll(/^(\w+)(?:\{(.*)\})? ([\d.e+-]+)$/gm)];
  return samples
    .filter(([, sample, given = '']) => {
      const has = ([key, value]: [string, string]): boolean => given.includes(`${key}="${value}"`);
      return sample === name && Object.entries(labels).every(has);
    })
    .reduce((total, [, , , value]) => total + Number(value), 0);
}

test('counts resources, passes, commits and calls', async () => {
  const { text, type } = await get('/metrics');
  expect(type).toMatch(/^text\/plain; version=0\.0\.4/);
  expect(sum(text, 'limiquantix_build_info', { version: '1.2.3' })).toBe(1);
  expect(sum(text, 'limiquantix_resources', { type: 'node' })).toBe(2);
  expect(sum(text, 'limiquantix_store_commits_total', { outcome: 'written' })).toBeGreaterThan(0);
  expect(sum(text, 'limiquantix_store_revision')).toBeGreaterThan(0);
  expect(sum(text, 'limiquantix_leading')).toBe(1);
  expect(sum(text, 'limiquantix_reconciles_total', { type: 'node' })).toBeGreaterThan(0);
  expect(sum(text, 'nodejs_eventloop_lag_seconds')).toBeGreaterThanOrEqual(0);
});

test('counts a call by its code', async () => {
  const service = 'limiquantix.identity.v1.ProjectService';
  const status = await fetchInsecure(`${server.profile.endpoint}/${service}/ListProjects`);
  expect(status).toBe(401);
  const { text } = await get('/metrics');
  const labels = { service, method: 'ListProjects' };
  expect(sum(text, 'limiquantix_requests_total', { ...labels, code: 'unauthenticated' })).toBe(1);
  expect(sum(text, 'limiquantix_request_seconds_count', labels)).toBe(1);
});

test('is alive and ready, and says what there is', async () => {
  expect(await get('/healthz')).toMatchObject({ status: 200, text: 'ok\n' });
  expect(await get('/readyz')).toMatchObject({ status: 200, text: 'ok\n' });
  expect(await get('/')).toMatchObject({ status: 404 });
});

test('says why it is not ready', async () => {
  const listener = await listenForMetrics({
    address: { kind: 'tcp', host: '127.0.0.1', port: 0 },
    metrics: createMetrics('1'),
    notReady: async () => 'no server leads',
  });
  try {
    const response = await fetch(`${listener.endpoint}/readyz`);
    expect([response.status, await response.text()]).toEqual([503, 'no server leads\n']);
  } finally {
    await listener.close();
  }
});

/** Calls by JSON without a token, and without a look at the certificate; the status. */
async function fetchInsecure(url: string): Promise<number> {
  const { request } = await import('node:https');
  return new Promise((resolve, reject) => {
    const headers = { 'content-type': 'application/json' };
    const call = request(
      url,
      { method: 'POST', headers, rejectUnauthorized: false },
      (response) => {
        response.resume();
        resolve(response.statusCode ?? 0);
      },
    );
    call.on('error', reject);
    call.end('{}');
  });
}
