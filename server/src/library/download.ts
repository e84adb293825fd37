/**
 * Fetching content by http or https into a part: redirects followed by hand and bounded, resumed
 * by Range where the server can, and ended when nothing comes any more. What it got is judged by
 * the library.
 */
import { Code } from '@connectrpc/connect';
import type { Clock } from '../reconcile/clock.js';
import { LimiError } from '../resource/error.js';
import type { Part } from './part.js';

/** What the downloader works with. */
export interface DownloaderOptions {
  readonly clock: Clock;
  /** Asks a server; `globalThis.fetch` without it. */
  readonly fetch?: typeof globalThis.fetch;
  /** A server that sends nothing for this long is given up. */
  readonly idleMs?: number;
}

/** What to fetch. */
export interface FillRequest {
  readonly url: string;
  readonly sha256: string;
  readonly signal: AbortSignal;
  readonly onProgress: (receivedBytes: number) => void;
  /** Throws where the disk has less space than that. */
  readonly requireSpace: (neededBytes: number) => Promise<void>;
}

const redirectsMax = 5;
const idleMsDefault = 60_000;
/** The largest content that is fetched: 16 TiB, as much as can be uploaded. */
const contentBytesMax = 16 * 1024 ** 4;
/** Statuses that may be different next time. */
const passingStatuses: ReadonlySet<number> = new Set([408, 425, 429, 500, 502, 503, 504]);

/** Fetches content. */
export class Downloader {
  readonly #clock: Clock;
  readonly #fetch: typeof globalThis.fetch;
  readonly #idleMs: number;

  constructor(options: DownloaderOptions) {
    this.#clock = options.clock;
    this.#fetch = options.fetch ?? globalThis.fetch;
    this.#idleMs = options.idleMs ?? idleMsDefault;
  }

  /**
   * Fetches what the part lacks. Throws URL_REFUSED and DOWNLOAD_REFUSED, which are final, and
   * DOWNLOAD_FAILED, which is worth another try; what has arrived stays then.
   */
  async fill(part: Part, request: FillRequest): Promise<void> {
    const idle = new AbortController();
    const signal = AbortSignal.any([request.signal, idle.signal]);
    let cancel = this.#clock.after(this.#idleMs, () => idle.abort());
    const alive = () => {
      cancel();
      cancel = this.#clock.after(this.#idleMs, () => idle.abort());
    };
    try {
      await this.#fill(part, { ...request, signal }, alive);
    } catch (error) {
      request.signal.throwIfAborted();
      if (error instanceof LimiError) throw error;
      const host = new URL(request.url).host;
      const what = idle.signal.aborted ? `sent nothing for ${this.#idleMs} ms` : 'broke off';
      throw passing(`${host} ${what}`, error);
    } finally {
      cancel();
    }
  }

  async #fill(part: Part, request: FillRequest, alive: () => void): Promise<void> {
    const resumedAt = part.receivedBytes;
    const response = await this.#ask(request, resumedAt);
    alive();
    if (response.status === 416) {
      await part.truncate();
      throw passing('the server has less of the content than has arrived');
    }
    const isRest = response.status === 206 && startOf(response) === resumedAt;
    if (!isRest) await part.truncate();
    const lengthBytes = Number(response.headers.get('content-length') ?? 0);
    await request.requireSpace(lengthBytes);
    for await (const piece of response.body ?? []) {
      alive();
      if (part.receivedBytes + piece.length > contentBytesMax) throw tooLarge();
      await part.append(piece);
      request.onProgress(part.receivedBytes);
    }
    const missing = (isRest ? resumedAt : 0) + lengthBytes - part.receivedBytes;
    if (missing > 0) throw passing(`the answer ended ${missing} bytes early`);
    if (isRest && resumedAt > 0 && part.digest !== request.sha256) {
      // What had arrived may be of another version than the rest: judged when fetched whole.
      await part.truncate();
      throw passing('the content has changed while it was being fetched');
    }
  }

  async #ask(request: FillRequest, offset: number): Promise<Response> {
    let url = parseUrl(request.url);
    for (let hop = 0; hop <= redirectsMax; hop += 1) {
      const response = await this.#fetch(url, {
        redirect: 'manual',
        signal: request.signal,
        headers: {
          'accept-encoding': 'identity',
          ...(offset > 0 ? { range: `bytes=${offset}-` } : {}),
        },
      });
      if (response.status === 200 || response.status === 206) return response;
      await response.body?.cancel();
      if (response.status === 416 && offset > 0) return response;
      const location = response.headers.get('location');
      if (response.status < 300 || response.status > 399 || location === null) {
        throw refusedBy(url, response.status);
      }
      const next = parseUrl(location, url);
      if (url.protocol === 'https:' && next.protocol !== 'https:') {
        throw refusedUrl(`${url.host} redirects from https to http`);
      }
      url = next;
    }
    throw refusedUrl(`${url.host} redirects more than ${redirectsMax} times`);
  }
}

function parseUrl(text: string, base?: URL): URL {
  const url = URL.canParse(text, base?.href) ? new URL(text, base?.href) : undefined;
  if (url === undefined) throw refusedUrl('it is not a URL');
  if (url.protocol !== 'http:' && url.protocol !== 'https:') {
    throw refusedUrl(`it is of ${url.protocol.slice(0, -1)}, not http or https`);
  }
  if (url.username !== '' || url.password !== '') {
    throw refusedUrl('it holds a name or a password, which everybody could read');
  }
  return url;
}

function startOf(response: Response): number | undefined {
  const match = /^bytes (\d+)-/.exec(response.headers.get('content-range') ?? '');
  return match?.[1] === undefined ? undefined : Number(match[1]);
}

function refusedUrl(why: string): LimiError {
  return new LimiError({
    code: Code.InvalidArgument,
    reason: 'URL_REFUSED',
    message: `the URL can't be fetched: ${why}; give another one`,
  });
}

function refusedBy(url: URL, status: number): LimiError {
  if (passingStatuses.has(status)) return passing(`${url.host} answered ${status}`);
  return new LimiError({
    code: Code.FailedPrecondition,
    reason: 'DOWNLOAD_REFUSED',
    message: `the URL can't be fetched: ${url.host} answered ${status}; check the URL`,
  });
}

function tooLarge(): LimiError {
  return new LimiError({
    code: Code.FailedPrecondition,
    reason: 'DOWNLOAD_REFUSED',
    message: `the content is longer than ${contentBytesMax} bytes; give a smaller image`,
  });
}

function passing(why: string, cause?: unknown): LimiError {
  return new LimiError({
    code: Code.Unavailable,
    reason: 'DOWNLOAD_FAILED',
    message: `the content could not be fetched: ${why}`,
    retryable: true,
    cause,
  });
}
