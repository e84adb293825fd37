/**
 * The network between the processes of a simulation, on virtual time. A message takes its time; a
 * call or its answer may be lost, come late, come twice, or overtake another one; a stream keeps
 * its order, as TCP does, until it breaks, which its two ends learn at different times. Places can
 * be cut off from each other.
 */
import type { Clock } from '../../server/src/reconcile/clock.js';
import type { Chance } from './chance.js';
import type { Life } from './life.js';

/** How bad the network is: probabilities for each call, and for each message of a stream. */
export interface Weather {
  readonly delayMsMax: number;
  readonly lateShare: number;
  readonly lostShare: number;
  readonly twiceShare: number;
  readonly brokenShare: number;
}

/** A day on which nothing goes wrong. */
export const fairWeather: Weather = {
  ...{ delayMsMax: 2, lateShare: 0, lostShare: 0, twiceShare: 0, brokenShare: 0 },
};

/** What a network works with. */
export interface NetworkOptions {
  readonly clock: Clock;
  readonly chance: Chance;
  readonly note: (line: string) => void;
  /** How the failure of a connection looks to who called. */
  readonly failure: (message: string) => Error;
}

/** From where to where. */
export interface Route {
  readonly from: string;
  readonly to: string;
}

/** Until a connection that carries nothing is known to be dead. */
const silentMs = 10_000;
const lateMsMax = 4_000;

/** The network. */
export class Network {
  weather = fairWeather;
  readonly #options: NetworkOptions;
  /** Until when two places are cut off from each other. */
  readonly #cuts = new Map<string, number>();
  readonly #streams = new Set<{ readonly route: Route; readonly cut: () => void }>();

  constructor(options: NetworkOptions) {
    this.#options = options;
  }

  /** Whether every call comes through at once. */
  get isCalm(): boolean {
    const { lostShare, lateShare, twiceShare } = this.weather;
    return lostShare + lateShare + twiceShare + this.#cuts.size === 0;
  }

  /** Cuts two places off from each other for a while. */
  cut(route: Route, forMs: number): void {
    const { clock, note } = this.#options;
    note(`cut ${route.from}-${route.to} for ${forMs} ms`);
    this.#cuts.set(nameOf(route), clock.nowMs() + forMs);
    for (const stream of this.#streams) if (nameOf(stream.route) === nameOf(route)) stream.cut();
  }

  /** Ends all that is wrong with it. */
  heal(): void {
    this.#cuts.clear();
    this.weather = fairWeather;
  }

  /**
   * Makes a call. `deliver` is what it does at the other end; it gets there never, once or twice.
   * Throws the failure of a connection where no answer comes.
   */
  async call<T>(route: Route, callee: () => Life | undefined, deliver: () => Promise<T>) {
    const { chance, failure } = this.#options;
    const { lostShare, twiceShare } = this.weather;
    const [isLost, isUnanswered, isTwice] = [lostShare, lostShare, twiceShare].map((share) =>
      chance.is(share),
    );
    if (isLost || this.#isCut(route)) {
      await this.#rest(chance.between(1, silentMs));
      throw failure('the connection was lost');
    }
    await this.#rest(this.#delayMs());
    const life = callee();
    if (life === undefined || life.isDead) throw failure('the connection was refused');
    const first = whileAlive(life, deliver, failure);
    const copy = isTwice ? this.#again(life, first, deliver) : undefined;
    const answer = await first.catch(async (error: unknown) => {
      // Whoever is refused may believe that nothing was done.
      throw copy?.isUnderWay && (await copy.isDone) ? failure('the connection was lost') : error;
    });
    if (isUnanswered || this.#isCut(route)) {
      await this.#rest(chance.between(1, silentMs));
      throw failure('the connection was lost');
    }
    await this.#rest(this.#delayMs());
    return answer;
  }

  /** Opens a stream; `serve` makes the far end of it, which has a signal of its own. */
  async *stream<T>(call: StreamCall<T>): AsyncGenerator<T> {
    const { failure } = this.#options;
    const { route, callee, serve, signal } = call;
    const line = new Line();
    const entry = { route, cut: () => this.#break(line) };
    this.#streams.add(entry);
    const end = (): void => line.near.fail(failure('the call was ended'));
    signal.addEventListener('abort', end, { once: true });
    let off = (): void => undefined;
    try {
      await this.#rest(this.#isCut(route) ? silentMs : this.#delayMs());
      const life = callee();
      if (this.#isCut(route) || life === undefined || life.isDead) {
        throw failure('the connection was refused');
      }
      off = life.onDeath(() => line.near.fail(failure('the connection was lost')));
      const items = serve(line.farEnd.signal, (up) => this.#carry(up, line, 'far'));
      yield* this.#carry(items, line, 'near');
    } finally {
      off();
      signal.removeEventListener('abort', end);
      this.#streams.delete(entry);
      line.end(failure('the connection was closed'));
    }
  }

  /** Carries messages to one end of a line, in order, each in its own time. */
  async *#carry<T>(items: AsyncIterable<T>, line: Line, to: 'near' | 'far'): AsyncGenerator<T> {
    const iterator = items[Symbol.asyncIterator]();
    const { failed } = line[to];
    try {
      for (;;) {
        const next = await Promise.race([iterator.next(), failed]);
        if (this.#options.chance.is(this.weather.brokenShare)) this.#break(line);
        await Promise.race([this.#rest(this.#delayMs()), failed]);
        // On a line that is cut, both sides wait until they learn of it.
        if (line.isCut) await failed;
        if (next.done === true) return;
        yield next.value;
      }
    } finally {
      // Whoever sends learns by a signal that nobody reads any more.
      if (to === 'near') iterator.return?.().catch(() => undefined);
    }
  }

  /** Breaks a line: each end learns of it at a time of its own. */
  #break(line: Line): void {
    if (line.isCut) return;
    line.isCut = true;
    const { clock, chance, failure, note } = this.#options;
    note('a stream broke');
    const lost = failure('the connection was lost');
    clock.after(chance.between(1, silentMs), () => line.near.fail(lost));
    clock.after(chance.between(1, silentMs), () => line.endFar(lost));
  }

  /** A second copy of a request comes after the first, unless that one was refused by then. */
  #again<T>(life: Life, first: Promise<T>, deliver: () => Promise<T>): Copy {
    const { clock, chance, failure, note } = this.#options;
    let isRefused = false;
    first.catch(() => {
      isRefused = true;
    });
    const copy: Copy = { isUnderWay: false, isDone: undefined };
    clock.after(chance.between(1, lateMsMax), () => {
      if (life.isDead || isRefused) return;
      note('a request came twice');
      copy.isUnderWay = true;
      // Nobody waits for this answer.
      copy.isDone = whileAlive(life, deliver, failure).then(
        () => true,
        () => false,
      );
    });
    return copy;
  }

  #isCut(route: Route): boolean {
    return (this.#cuts.get(nameOf(route)) ?? 0) > this.#options.clock.nowMs();
  }

  #delayMs(): number {
    const { chance } = this.#options;
    const { delayMsMax, lateShare } = this.weather;
    return chance.is(lateShare) ? chance.below(lateMsMax) : chance.below(delayMsMax + 1);
  }

  #rest(ms: number): Promise<void> {
    if (ms === 0) return Promise.resolve();
    return new Promise((resolve) => {
      this.#options.clock.after(ms, resolve);
    });
  }
}

/** A second copy of a request. */
interface Copy {
  isUnderWay: boolean;
  /** Whether it had its effect. */
  isDone: Promise<boolean> | undefined;
}

/** A stream that is opened. */
export interface StreamCall<T> {
  readonly route: Route;
  readonly callee: () => Life | undefined;
  /** Makes the far end; `carry` brings it what the near end sends. */
  readonly serve: (
    signal: AbortSignal,
    carry: <Up>(items: AsyncIterable<Up>) => AsyncIterable<Up>,
  ) => AsyncIterable<T>;
  readonly signal: AbortSignal;
}

/** What a stream goes by. */
class Line {
  isCut = false;
  readonly near = breakable();
  readonly far = breakable();
  readonly farEnd = new AbortController();

  endFar(reason: Error): void {
    this.far.fail(reason);
    this.farEnd.abort();
  }

  end(reason: Error): void {
    this.near.fail(reason);
    this.endFar(reason);
  }
}

interface Breakable {
  readonly failed: Promise<never>;
  readonly fail: (error: Error) => void;
}

function breakable(): Breakable {
  let fail: (error: Error) => void = () => undefined;
  const failed = new Promise<never>((_, reject) => {
    fail = reject;
  });
  // Most lines break when nobody waits for them.
  failed.catch(() => undefined);
  return { failed, fail };
}

/** What a process answers, if it lives so long. */
function whileAlive<T>(
  life: Life,
  deliver: () => Promise<T>,
  failure: (message: string) => Error,
): Promise<T> {
  return new Promise((resolve, reject) => {
    const off = life.onDeath(() => reject(failure('the connection was lost')));
    deliver().then(resolve, reject).finally(off);
  });
}

const nameOf = ({ from, to }: Route): string => (from < to ? `${from} ${to}` : `${to} ${from}`);
