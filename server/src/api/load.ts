/**
 * How much the server does at once: a bounded number of requests and of watches, each in lanes of
 * their own, so that users can't starve agents or whoever is at the machine itself. What is beyond
 * is refused at once with the time after which to come again; nothing queues here.
 */
import { type DescMethod, getOption } from '@bufbuild/protobuf';
import { Code, type Interceptor } from '@connectrpc/connect';
import { method as methodOption } from '@limiquantix/proto/resource/v1/options_pb.js';
import type { Random } from '../reconcile/clock.js';
import { LimiError } from '../resource/error.js';
import { type Caller, callerOf, nameOfCaller } from './caller.js';
import { connectionOf } from './connection.js';
import type { LoadLimits } from './load-limits.js';

/** Bounds of the other lanes, together for requests and streams of each. */
const agentsMax = 8192;
const localMax = 256;
const strangersMax = 64;
/** The last part of a lane is for callers that have little in flight. */
const reservedShare = 1 / 8;
const littleShare = 1 / 64;
/** Those who are refused come again at different times. */
const retryAfterMsMin = 250;
const retryAfterMsSpread = 750;

/** A call that wants to be served. */
export interface Arrival {
  readonly caller: Caller;
  /** Whether it lasts: a watch, or a call that waits. */
  readonly isWatch: boolean;
  /** Whether it came by a socket of this machine. */
  readonly isLocal: boolean;
}

/** What is in flight. */
export class Load {
  readonly #lanes: Readonly<Record<LaneName, Lane>>;
  readonly #random: Random;

  constructor({ requestsMax, watchesMax }: LoadLimits, random: Random) {
    this.#random = random;
    this.#lanes = {
      requests: new Lane(requestsMax),
      watches: new Lane(watchesMax),
      agents: new Lane(agentsMax),
      local: new Lane(localMax),
      strangers: new Lane(strangersMax),
    };
  }

  /**
   * Takes a call in; returns what to call when it has ended (idempotent). Throws
   * RESOURCE_EXHAUSTED, with when to come again, where too much is in flight.
   */
  enter(arrival: Arrival): () => void {
    const name = laneOf(arrival);
    const lane = this.#lanes[name];
    const caller = nameOfCaller(arrival.caller);
    if (lane.take(caller)) return once(() => lane.give(caller));
    const retryAfterMs = Math.round(retryAfterMsMin + this.#random() * retryAfterMsSpread);
    throw overloaded(name, { lane, caller, retryAfterMs });
  }
}

type LaneName = 'requests' | 'watches' | 'agents' | 'local' | 'strangers';

function laneOf({ caller, isLocal, isWatch }: Arrival): LaneName {
  if (caller.kind === 'node') return 'agents';
  if (caller.kind === 'anonymous') return 'strangers';
  if (isLocal) return 'local';
  return isWatch ? 'watches' : 'requests';
}

/** A bound, and who has how much of it. */
class Lane {
  readonly max: number;
  readonly #ofCallers = new Map<string, number>();
  #inFlight = 0;

  constructor(max: number) {
    this.max = max;
  }

  /** How much a caller has. */
  of(caller: string): number {
    return this.#ofCallers.get(caller) ?? 0;
  }

  take(caller: string): boolean {
    const has = this.of(caller);
    const isReserved = this.#inFlight >= this.max - Math.ceil(this.max * reservedShare);
    const hasLittle = has < Math.ceil(this.max * littleShare);
    if (this.#inFlight >= this.max || (isReserved && !hasLittle)) return false;
    this.#inFlight += 1;
    this.#ofCallers.set(caller, has + 1);
    return true;
  }

  give(caller: string): void {
    this.#inFlight -= 1;
    const left = this.of(caller) - 1;
    if (left > 0) this.#ofCallers.set(caller, left);
    else this.#ofCallers.delete(caller);
  }
}

function once(done: () => void): () => void {
  let isDone = false;
  return () => {
    if (!isDone) done();
    isDone = true;
  };
}

function overloaded(
  name: LaneName,
  facts: { readonly lane: Lane; readonly caller: string; readonly retryAfterMs: number },
): LimiError {
  const { lane, caller, retryAfterMs } = facts;
  const things = name === 'watches' ? 'watches' : 'calls';
  return new LimiError({
    code: Code.ResourceExhausted,
    reason: 'OVERLOADED',
    message: `the server has as many ${things} in flight as it serves at once (${lane.max}; ${lane.of(caller)} of them are yours); try again in ${retryAfterMs} ms, with fewer at a time`,
    metadata: { bound: name, max: String(lane.max) },
    retryAfterMs,
  });
}

/** Refuses what is too much at once. Runs after it is known who calls. */
export function loadInterceptor(load: Load): Interceptor {
  return (next) => async (request) => {
    const { contextValues: values, method } = request;
    const isWatch = lasts(method);
    const { isLocal } = connectionOf({ values });
    const leave = load.enter({ caller: callerOf({ values }), isWatch, isLocal });
    try {
      const response = await next(request);
      if (!response.stream) {
        leave();
        return response;
      }
      // A client that is gone reads nothing any more: its stream isn't run to its end.
      request.signal.addEventListener('abort', leave, { once: true });
      return { ...response, message: untilEnd(response.message, leave) };
    } catch (error) {
      leave();
      throw error;
    }
  };
}

const lasting = new WeakMap<DescMethod, boolean>();

/** Whether calls of a method last. */
function lasts(method: DescMethod): boolean {
  const known = lasting.get(method);
  if (known !== undefined) return known;
  const isLasting =
    method.methodKind === 'server_streaming' || getOption(method, methodOption).waits;
  lasting.set(method, isLasting);
  return isLasting;
}

async function* untilEnd<T>(messages: AsyncIterable<T>, leave: () => void): AsyncIterable<T> {
  try {
    yield* messages;
  } finally {
    leave();
  }
}
