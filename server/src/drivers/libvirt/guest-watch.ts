/**
 * Keeps what the guests' agents tell, beside the reconcile loop: agents are slow and may hang, so
 * they are asked on a connection of their own, a few at a time, and the loop is poked when an
 * answer changed something. Often after a boot, until every interface has an address; seldom later.
 */
import { isDeepStrictEqual } from 'node:util';
import type { Cancel, Clock } from '../../reconcile/clock.js';
import type { Domain, LibvirtApi } from '../../wire/libvirt/api.js';
import { LibvirtClosedError } from '../../wire/libvirt/errors.js';
import { askGuest, type GuestFacts, NO_GUEST_FACTS } from './guest-agent.js';

/** Agents that are asked at one time. */
export const GUESTS_ASKED_MAX = 4;
/** Between two questions to a guest that has all its addresses. */
export const GUEST_REFRESH_MS = 60_000;

const SOON_FIRST_MS = 250;
const SOON_MAX_MS = 1_000;
/** After so many questions, a guest without addresses is taken to have none. */
const SOON_QUESTIONS_MAX = 120;
const LOOPBACK_MAC = '00:00:00:00:00:00';

/** What the watch works with. */
export interface GuestWatchOptions {
  readonly api: () => Promise<LibvirtApi>;
  readonly clock: Clock;
  /** Called with a machine's id when what is known of its guest changed. */
  readonly changed: (vmId: string) => void;
}

interface Watched {
  readonly domain: Domain;
  facts: GuestFacts;
  questions: number;
  cancel: Cancel;
}

/** The watch over the guests of one node. */
export class GuestWatch {
  readonly #options: GuestWatchOptions;
  readonly #watched = new Map<string, Watched>();
  readonly #waiting = new Set<string>();
  #asking = 0;

  constructor(options: GuestWatchOptions) {
    this.#options = options;
  }

  /** What is known of a machine's guest. */
  factsOf(vmId: string): GuestFacts | undefined {
    return this.#watched.get(vmId)?.facts;
  }

  /** Begins to ask a guest whose agent is there. Idempotent. */
  watch(vmId: string, domain: Domain): void {
    if (this.#watched.has(vmId)) return;
    this.#watched.set(vmId, {
      domain,
      facts: NO_GUEST_FACTS,
      questions: 0,
      cancel: () => undefined,
    });
    this.#enqueue(vmId);
  }

  /** Forgets a guest whose agent is gone. Idempotent. */
  forget(vmId: string): void {
    const watched = this.#watched.get(vmId);
    if (watched === undefined) return;
    watched.cancel();
    this.#watched.delete(vmId);
    this.#waiting.delete(vmId);
    if (watched.facts !== NO_GUEST_FACTS) this.#options.changed(vmId);
  }

  /** Forgets all. */
  close(): void {
    for (const watched of this.#watched.values()) watched.cancel();
    this.#watched.clear();
    this.#waiting.clear();
  }

  #enqueue(vmId: string): void {
    this.#waiting.add(vmId);
    this.#next();
  }

  #next(): void {
    while (this.#asking < GUESTS_ASKED_MAX) {
      const [vmId] = this.#waiting;
      if (vmId === undefined) return;
      this.#waiting.delete(vmId);
      const watched = this.#watched.get(vmId);
      if (watched === undefined) continue;
      this.#asking += 1;
      this.#ask(vmId, watched).finally(() => {
        this.#asking -= 1;
        this.#next();
      });
    }
  }

  async #ask(vmId: string, watched: Watched): Promise<void> {
    watched.questions += 1;
    const facts = await this.#answer(watched);
    if (this.#watched.get(vmId) !== watched) return;
    if (!isDeepStrictEqual(facts, watched.facts)) {
      watched.facts = facts;
      this.#options.changed(vmId);
    }
    watched.cancel = this.#options.clock.after(delayAfter(watched), () => this.#enqueue(vmId));
  }

  /** An agent that does not answer is a fact about the guest, and no failure of ours. */
  async #answer(watched: Watched): Promise<GuestFacts> {
    try {
      return await askGuest(await this.#options.api(), watched.domain);
    } catch (error) {
      // Without libvirtd nothing is known to have changed; it is back soon.
      if (error instanceof LibvirtClosedError) return watched.facts;
      return { ...watched.facts, agentConnected: false };
    }
  }
}

function delayAfter({ facts, questions }: Watched): number {
  const cards = facts.interfaces.filter(({ mac }) => mac !== LOOPBACK_MAC && mac !== '');
  const isSettled = facts.agentConnected && cards.every(({ addresses }) => addresses.length > 0);
  if (isSettled || questions > SOON_QUESTIONS_MAX) return GUEST_REFRESH_MS;
  return Math.min(SOON_FIRST_MS * 1.5 ** (questions - 1), SOON_MAX_MS);
}
