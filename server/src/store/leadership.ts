/**
 * Who of the servers of an installation decides. Every server serves reads, writes and watches; one
 * at a time leads: it runs the reconcilers and all that writes what follows from observations.
 */
import type { Store } from './store.js';

/** A time of leading. */
export interface Term {
  /** The store, whose commits fail once another server leads. */
  readonly store: Store;
  /** Whether no other server can lead yet; false in good time before one can. */
  isValid(): boolean;
}

/** What a leader does; ended when it no longer leads. */
export interface Duty {
  /** Ends it; resolves when nothing of it has an effect any more. */
  stop(): Promise<void>;
}

/** Begins what a leader does. */
export type Lead = (term: Term) => Promise<Duty>;

/** The part of this server. */
export interface Leadership {
  readonly isLeading: boolean;
  /** Where the server that leads is; undefined where it is this one, or none is known. */
  readonly leaderUrl: string | undefined;
  /** Takes part from now on. `url` is where the others reach this server. */
  start(url: string, lead: Lead): Promise<void>;
  /** Ends the duty, then gives the leadership away. */
  stop(): Promise<void>;
}

/** The leadership of a store that one server has for itself: it leads from start to stop. */
export function soleLeadership(store: Store): Leadership {
  let duty: Duty | undefined;
  return {
    get isLeading() {
      return duty !== undefined;
    },
    leaderUrl: undefined,
    async start(_url, lead) {
      duty = await lead({ store, isValid: () => true });
    },
    async stop() {
      const ending = duty;
      duty = undefined;
      await ending?.stop();
    },
  };
}
