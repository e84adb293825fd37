/**
 * A process that can be killed at any await. From its death on, its timers are gone, what it calls
 * does nothing, and what it was waiting for never comes back; what a backend was asked before may
 * still happen there, as with a request that a daemon has received already.
 */
import type { Cancel, Clock } from '../../server/src/reconcile/clock.js';

/** What befalls a call. */
export interface Incident {
  /** How long the call is under way before it has its effect. */
  readonly delayMs?: number;
  /** It fails so, before or after its effect. */
  readonly error?: Error;
  /** Its caller dies, before or after its effect. */
  readonly isDeath?: boolean;
  /** Whether error or death come after the effect; before it without that. */
  readonly afterEffect?: boolean;
}

/** Decides what befalls a call of a method; undefined for nothing. */
export type Fate = (method: string) => Incident | undefined;

/** What the dead wait for: a promise of its own each time, which nothing keeps. */
const never = (): Promise<never> => new Promise(() => undefined);

/** One life of a process. */
export class Life {
  readonly name: string;
  readonly clock: Clock;
  /** By how much its clock is wrong. */
  skewMs = 0;
  #isDead = false;
  #pausedUntilMs = 0;
  readonly #timers = new Set<Cancel>();
  readonly #ends = new Set<() => void>();
  readonly #time: Clock;

  constructor(name: string, time: Clock) {
    this.name = name;
    this.#time = time;
    this.clock = {
      nowMs: () => time.nowMs() + this.skewMs,
      after: (delayMs, fn) => this.#after(delayMs, fn),
    };
  }

  get isDead(): boolean {
    return this.#isDead;
  }

  /** Ends it at once; what hangs on it hears of it. Idempotent. */
  kill(): void {
    if (this.#isDead) return;
    this.#isDead = true;
    for (const cancel of this.#timers) cancel();
    this.#timers.clear();
    const ends = [...this.#ends];
    this.#ends.clear();
    for (const end of ends) end();
  }

  /** Lets it do nothing for a while, as a process that is stopped by a signal. */
  pause(forMs: number): void {
    this.#pausedUntilMs = Math.max(this.#pausedUntilMs, this.#time.nowMs() + forMs);
  }

  get #pausedMs(): number {
    return Math.max(0, this.#pausedUntilMs - this.#time.nowMs());
  }

  /** Calls a function at its death; returns what takes that back. */
  onDeath(fn: () => void): () => void {
    if (this.#isDead) fn();
    else this.#ends.add(fn);
    return () => this.#ends.delete(fn);
  }

  /** The same object for this life only. Functions that are handed in are called in it only. */
  guard<T extends object>(target: T, fate: Fate = () => undefined): T {
    const methods = new Map<string | symbol, unknown>();
    return new Proxy(target, {
      get: (_, name) => {
        const value: unknown = Reflect.get(target, name, target);
        if (typeof value !== 'function') return value;
        let method = methods.get(name);
        if (method === undefined) {
          method = (...args: unknown[]) => this.#call({ target, name, args }, fate);
          methods.set(name, method);
        }
        return method;
      },
    });
  }

  #call(call: Call, fate: Fate): unknown {
    const { target, name, args } = call;
    const method = Reflect.get(target, name, target) as (...args: unknown[]) => unknown;
    const apply = (): unknown =>
      Reflect.apply(
        method,
        target,
        args.map((one) => this.#within(one)),
      );
    if (this.#isDead) return isPromising(name, method) ? never() : apply();
    const incident = isPromising(name, method) ? fate(String(name)) : undefined;
    if (incident !== undefined) return this.#suffer(incident, apply);
    if (this.#pausedMs > 0 && isPromising(name, method)) {
      return this.#suffer({ delayMs: this.#pausedMs }, apply);
    }
    const result = apply();
    if (result instanceof Promise) return this.#alive(result);
    if (isAsyncIterable(result)) return this.#iterate(result);
    return result;
  }

  async #suffer(incident: Incident, apply: () => unknown): Promise<unknown> {
    const { delayMs = 0, error, isDeath = false, afterEffect = false } = incident;
    if (delayMs > 0) await this.wait(delayMs);
    if (this.#isDead) return never();
    if (!afterEffect) this.#strike(error, isDeath);
    if (this.#isDead) return never();
    const result = await this.#alive(Promise.resolve(apply()));
    this.#strike(error, isDeath);
    if (this.#isDead) return never();
    return result;
  }

  #strike(error: Error | undefined, isDeath: boolean): void {
    if (isDeath) this.kill();
    else if (error !== undefined) throw error;
  }

  /** Lets time pass; never comes back to the dead. */
  wait(ms: number): Promise<void> {
    return new Promise((resolve) => this.#after(ms, resolve));
  }

  async #alive(result: Promise<unknown>): Promise<unknown> {
    try {
      const value = await result;
      while (this.#pausedMs > 0) await this.wait(this.#pausedMs);
      return this.#isDead ? never() : value;
    } catch (error) {
      if (this.#isDead) return never();
      throw error;
    }
  }

  async *#iterate(items: AsyncIterable<unknown>): AsyncGenerator<unknown> {
    for await (const item of items) {
      if (this.#isDead) return never();
      yield item;
    }
    if (this.#isDead) return never();
  }

  #within(value: unknown): unknown {
    if (typeof value !== 'function') return value;
    return (...args: unknown[]): unknown => {
      if (this.#isDead) return undefined;
      return Reflect.apply(value, undefined, args);
    };
  }

  #after(delayMs: number, fn: () => void): Cancel {
    if (this.#isDead) return () => undefined;
    let cancel: Cancel = () => undefined;
    const set = (ms: number): void => {
      const stop = this.#time.after(ms, () => {
        this.#timers.delete(stop);
        // What falls due while it is paused comes when it goes on.
        if (this.#pausedMs > 0) set(this.#pausedMs);
        else fn();
      });
      cancel = stop;
      this.#timers.add(stop);
    };
    set(delayMs);
    return () => {
      this.#timers.delete(cancel);
      cancel();
    };
  }
}

interface Call {
  readonly target: object;
  readonly name: string | symbol;
  readonly args: unknown[];
}

/** Whether a method answers later; those that only say what is, or end something, don't. */
function isPromising(name: string | symbol, method: unknown): boolean {
  return !immediate.has(String(name)) && typeof method === 'function';
}

/** Methods of the interfaces that are guarded which answer at once. */
const immediate: ReadonlySet<string> = new Set([
  ...['close', 'onEvent', 'onClosed', 'onConnection', 'isRecent', 'watch', 'folderOf'],
  ...['transactionOf', 'toString'],
]);

function isAsyncIterable(value: unknown): value is AsyncIterable<unknown> {
  return typeof value === 'object' && value !== null && Symbol.asyncIterator in value;
}
