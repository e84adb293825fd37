/**
 * What the agent has to tell the control plane: the newest observation of each resource, which of
 * them were not sent yet, and answers to what it was asked. Bounded by the number of resources: a
 * newer observation replaces an older one.
 */
import { create, equals } from '@bufbuild/protobuf';
import {
  type InventoryReport,
  type Observation,
  ObservationSchema,
} from '@limiquantix/proto/agent/v1/agent_service_pb.js';
import { nameOf } from '../resource/key-name.js';
import type { ResourceKey } from '../resource/resource.js';

/** The agent's outgoing observations. */
export class Outbox {
  readonly #latest = new Map<string, Observation>();
  readonly #unsent = new Set<string>();
  readonly #reports: InventoryReport[] = [];
  readonly #notify: () => void;

  /** `notify` is called whenever there is something new to send. */
  constructor(notify: () => void) {
    this.#notify = notify;
  }

  /** Takes an observation; one that says the same as the last one is not sent again. */
  put(key: ResourceKey, said: { readonly status: Uint8Array; readonly removed: boolean }): void {
    const observation = create(ObservationSchema, { ...key, ...said });
    const name = nameOf(key);
    const last = this.#latest.get(name);
    if (last !== undefined && equals(ObservationSchema, last, observation)) return;
    this.#latest.set(name, observation);
    this.#unsent.add(name);
    this.#notify();
  }

  /** Forgets a resource that is no longer this node's concern. */
  forget(key: ResourceKey): void {
    this.#latest.delete(nameOf(key));
    this.#unsent.delete(nameOf(key));
  }

  /**
   * Marks everything as unsent: for a new stream, whose other end may have lost what it was told.
   */
  resendAll(): void {
    // Questions end with the stream that they came by.
    this.#reports.length = 0;
    for (const name of this.#latest.keys()) this.#unsent.add(name);
    this.#notify();
  }

  /** Takes a part of an answer; bounded by the questions that the agent takes. */
  report(report: InventoryReport): void {
    this.#reports.push(report);
    this.#notify();
  }

  /** Takes the next part of an answer out. */
  takeReport(): InventoryReport | undefined {
    return this.#reports.shift();
  }

  /** Takes up to `max` unsent observations out, the oldest first. */
  take(max: number): Observation[] {
    const taken: Observation[] = [];
    for (const name of this.#unsent) {
      if (taken.length === max) break;
      this.#unsent.delete(name);
      const observation = this.#latest.get(name);
      if (observation !== undefined) taken.push(observation);
    }
    return taken;
  }
}
