/**
 * What goes wrong with the calls of a process to what it works with: errors before and after the
 * effect, slowness, hanging until the deadline, a full disk, and the death of the caller. Drawn for
 * each call from the run's chance, while faults are on.
 */
import { unavailable } from '../../server/src/store/etcd/errors.js';
import { DiskImageError } from '../../server/src/wire/disk-image/errors.js';
import { LibvirtClosedError, LibvirtTimeoutError } from '../../server/src/wire/libvirt/errors.js';
import type { Chance } from './chance.js';
import type { Fate, Incident } from './life.js';

/** How often each thing befalls a call. */
export interface Rates {
  readonly error: number;
  readonly slow: number;
  readonly hang: number;
  readonly death: number;
}

/** What calls go to. */
export type Backend = 'libvirt' | 'disks' | 'files' | 'state' | 'store';

const calm: Rates = { error: 0, slow: 0, hang: 0, death: 0 };
const slowMsMax = 3_000;
const hangMs = 30_000;
const noInterest: ReadonlySet<string> = new Set(['then', 'catch', 'finally']);

/** Decides. */
export class Mischief {
  rates = calm;
  readonly #chance: Chance;
  /** Hosts whose disks are full. */
  readonly fullDisks = new Set<string>();
  /** How often each kind of fault came about. */
  readonly counts = new Map<string, number>();

  readonly #note: (line: string) => void;

  constructor(chance: Chance, note: (line: string) => void) {
    this.#chance = chance;
    this.#note = note;
  }

  /** Ends everything that is wrong. */
  calm(): void {
    this.rates = calm;
    this.fullDisks.clear();
  }

  /** Whether nothing befalls any call. */
  get isCalm(): boolean {
    const { error, slow, hang, death } = this.rates;
    return error + slow + hang + death === 0;
  }

  /** Counts a fault. */
  count(kind: string): void {
    this.counts.set(kind, (this.counts.get(kind) ?? 0) + 1);
  }

  /** What befalls the calls of a process to a backend. */
  fate(backend: Backend, host: string): Fate {
    return (method) => {
      if (noInterest.has(method)) return undefined;
      if (this.#isFull(backend, host, method)) {
        this.count(`${backend} disk full`);
        return { error: full() };
      }
      const incident = this.#draw(backend, method);
      if (incident !== undefined) {
        const { error, ...rest } = incident;
        this.#note(`${host}: ${backend}.${method} ${JSON.stringify(rest)} ${error?.message ?? ''}`);
      }
      return incident;
    };
  }

  #draw(backend: Backend, method: string): Incident | undefined {
    const { error, slow, hang, death } = this.rates;
    if (error + slow + hang + death === 0) return undefined;
    const at = this.#chance.random();
    const afterEffect = this.#chance.is(0.5);
    const delayMs = this.#chance.below(slowMsMax);
    const told = afterEffect ? 'after' : 'before';
    if (at < error) {
      this.count(`${backend} fails ${told} the effect`);
      return { error: errorOf(backend), afterEffect };
    }
    if (at < error + slow) {
      this.count(`${backend} is slow`);
      return { delayMs };
    }
    if (at < error + slow + hang) {
      this.count(`${backend} hangs`);
      return { delayMs: hangMs, error: timeoutOf(backend, method), afterEffect };
    }
    if (at < error + slow + hang + death) {
      this.count(`process dies ${told} a call to ${backend}`);
      return { isDeath: true, afterEffect };
    }
    return undefined;
  }

  #isFull(backend: Backend, host: string, method: string): boolean {
    return backend === 'disks' && this.fullDisks.has(host) && growing.has(method);
  }
}

const growing: ReadonlySet<string> = new Set([
  ...['create', 'clone', 'resize', 'receive', 'writeText', 'ensureDirectory'],
]);

function errorOf(backend: Backend): Error {
  if (backend === 'store') return unavailable('a simulated failure');
  if (backend === 'files' || backend === 'state')
    return Object.assign(new Error('EIO: i/o error'), { code: 'EIO' });
  if (backend === 'libvirt') return new LibvirtClosedError('the simulated socket was closed');
  const [reason, message] = ['IO_ERROR', 'a simulated input/output error'] as const;
  return new DiskImageError({ reason, message });
}

function timeoutOf(backend: Backend, method: string): Error {
  if (backend === 'store') return unavailable('the simulated store hangs');
  if (backend === 'libvirt') return new LibvirtTimeoutError(method, hangMs);
  return new DiskImageError({ reason: 'TIMED_OUT', message: 'the simulated disk hangs' });
}

const full = (): Error =>
  new DiskImageError({ reason: 'NO_SPACE', message: 'the simulated disk is full' });
