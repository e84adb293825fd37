/** Fetching by http: resumed, redirected, bounded, and clear about what is final. */
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { VirtualClock } from '../reconcile/virtual-clock.js';
import { encodeEmptyQcow2 } from '../wire/disk-image/qcow2-header.js';
import { Downloader } from './download.js';
import { Library } from './library.js';

const id = '00000000-0000-7000-8000-000000000001';
const content = encodeEmptyQcow2({ virtualBytes: 1024 ** 3 });
const sha256 = createHash('sha256').update(content).digest('hex');

type Answer = (request: IncomingMessage, response: ServerResponse) => void;

let directory: string;
let server: Server;
let base: string;
let answer: Answer;
let asked: (string | undefined)[];
let clock: VirtualClock;
let onArrival: () => void;
let library: Library;

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'limiquantix-download-'));
  asked = [];
  onArrival = () => undefined;
  server = createServer((request, response) => {
    asked.push(request.headers.range);
    answer(request, response);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  clock = new VirtualClock();
  library = await Library.open({ directory, downloader: new Downloader({ clock }) });
});
afterEach(async () => {
  await library.close();
  server.closeAllConnections();
  server.close();
  rmSync(directory, { recursive: true });
});

function fetchImage(path = '/image', extra: { sha256?: string; signal?: AbortSignal } = {}) {
  return library.download(id, {
    url: path.startsWith('/') ? base + path : path,
    sha256,
    format: undefined,
    signal: new AbortController().signal,
    onProgress: () => onArrival(),
    ...extra,
  });
}

const whole: Answer = (_, response) => response.end(content);

const withRanges: Answer = ({ headers }, response) => {
  const from = Number(/bytes=(\d+)-/.exec(headers.range ?? '')?.[1] ?? 0);
  if (from === 0) return response.end(content);
  const range = `bytes ${from}-${content.length - 1}/${content.length}`;
  response.writeHead(206, { 'content-range': range });
  return response.end(content.subarray(from));
};

/** Says that all is coming, sends a part, and breaks the connection when some of it has arrived. */
const breakingAfter = (part: Uint8Array): Answer => {
  return (_, response) => {
    onArrival = () => response.destroy();
    response.writeHead(200, { 'content-length': content.length });
    response.write(part);
  };
};

async function breakOff(): Promise<void> {
  answer = breakingAfter(content.subarray(0, 70_000));
  await expect(fetchImage()).rejects.toMatchObject({ reason: 'DOWNLOAD_FAILED', retryable: true });
  expect(readdirSync(directory)).toEqual([`${id}.part`]);
  asked = [];
}

test('fetches, following redirects, and verifies', async () => {
  answer = (request, response) => {
    if (request.url === '/image') return whole(request, response);
    return response.writeHead(302, { location: '/image' }).end();
  };
  await fetchImage('/latest');
  expect(await library.received(id)).toEqual({ receivedBytes: content.length, complete: true });
  await fetchImage('/latest');
  expect(asked).toHaveLength(2);
});

test('goes on where a fetch broke off, if the server can', async () => {
  await breakOff();
  const { receivedBytes } = await library.received(id);
  answer = withRanges;
  await fetchImage();
  expect(asked).toEqual([`bytes=${receivedBytes}-`]);
  expect(await library.received(id)).toMatchObject({ complete: true });
});

test('begins anew where the server can not go on', async () => {
  await breakOff();
  answer = whole;
  await fetchImage();
  expect(await library.received(id)).toMatchObject({ complete: true });
});

test('begins anew when the content changed in between, before it calls it wrong', async () => {
  answer = breakingAfter(new Uint8Array(70_000));
  await expect(fetchImage()).rejects.toMatchObject({ retryable: true });
  answer = withRanges;
  await expect(fetchImage()).rejects.toMatchObject({ reason: 'DOWNLOAD_FAILED', retryable: true });
  await fetchImage();
  expect(await library.received(id)).toMatchObject({ complete: true });
});

test('begins anew when the server has less than has arrived', async () => {
  await breakOff();
  answer = ({ headers }, response) =>
    headers.range === undefined ? response.end(content) : response.writeHead(416).end();
  await expect(fetchImage()).rejects.toMatchObject({ retryable: true });
  await fetchImage();
  expect(await library.received(id)).toMatchObject({ complete: true });
});

test('keeps nothing of content with another checksum', async () => {
  answer = whole;
  const wrong = fetchImage('/image', { sha256: '0'.repeat(64) });
  await expect(wrong).rejects.toMatchObject({ reason: 'CHECKSUM_MISMATCH', retryable: false });
  expect(readdirSync(directory)).toEqual([]);
});

test.each([
  ['a missing file', 404, {}, 'DOWNLOAD_REFUSED', false],
  ['a busy server', 503, {}, 'DOWNLOAD_FAILED', true],
  ['a redirect to a file', 302, { location: 'file:///etc/passwd' }, 'URL_REFUSED', false],
  ['a redirect in a circle', 302, { location: '/image' }, 'URL_REFUSED', false],
])('says of %s whether it is final', async (_, status, headers, reason, retryable) => {
  answer = (_request, response) => response.writeHead(status, headers).end();
  await expect(fetchImage()).rejects.toMatchObject({ reason, retryable });
  expect(asked.length).toBeLessThan(7);
});

test.each(['file:///etc/passwd', 'http://user:secret@localhost/', 'httpx://a', 'http'])(
  'does not fetch %s, and does not repeat it',
  async (url) => {
    const fetched = fetchImage(url);
    await expect(fetched).rejects.toMatchObject({ reason: 'URL_REFUSED' });
    await expect(fetched).rejects.not.toMatchObject({ message: expect.stringContaining('secret') });
  },
);

test('gives up a server that sends nothing, and stops when called off', async () => {
  const begun = Promise.withResolvers<void>();
  answer = () => begun.resolve();
  const silent = fetchImage();
  await begun.promise;
  clock.advance(60_000);
  await expect(silent).rejects.toMatchObject({
    reason: 'DOWNLOAD_FAILED',
    message: expect.stringContaining('sent nothing'),
  });
  const again = Promise.withResolvers<void>();
  answer = () => again.resolve();
  const caller = new AbortController();
  const called = fetchImage('/image', { signal: caller.signal });
  await again.promise;
  caller.abort();
  await expect(called).rejects.toMatchObject({ name: 'AbortError' });
  expect(clock.nextDueMs).toBeUndefined();
});
