/**
 * Answers what the control plane asks about the host's backends: what they hold, and how that
 * differs from what is wanted; before that, removes what it was told nobody wants here. One
 * question after the other; it never keeps the agent's stream waiting.
 */
import { create } from '@bufbuild/protobuf';
import {
  type InventoryReport,
  InventoryReportSchema,
  type InventoryRequest,
} from '@limiquantix/proto/agent/v1/agent_service_pb.js';
import type { Driver, Lookup, Poke } from '../reconcile/driver.js';
import { inspect, inspectable, removeStrays } from '../reconcile/inspect.js';

/** What an inspector works with. */
export interface InspectorOptions {
  readonly drivers: readonly Driver[];
  /** What is wanted. */
  readonly lookup: Lookup;
  readonly poke: Poke;
  /** Takes the answer, in parts. */
  readonly send: (report: InventoryReport) => void;
}

/** Questions that may wait; who asks more often gets no answer to the rest. */
const questionsMax = 8;
/** Objects in one part of an answer. */
const objectsMax = 1_000;

/** The inspector. */
export class Inspector {
  readonly #options: InspectorOptions;
  #waiting = 0;
  #last: Promise<void> = Promise.resolve();

  constructor(options: InspectorOptions) {
    this.#options = options;
  }

  /** Takes a question; the answer is sent when it is there. */
  ask(request: InventoryRequest): void {
    if (this.#waiting >= questionsMax) return;
    this.#waiting += 1;
    this.#last = this.#last.then(() => this.#answer(request));
  }

  /** Ends after the questions that were asked. */
  async stop(): Promise<void> {
    await this.#last;
  }

  async #answer(request: InventoryRequest): Promise<void> {
    const { drivers, lookup, poke, send } = this.#options;
    const { number, removals, deleteData, attention } = request;
    const left = await removeStrays(drivers, lookup, { keys: removals, deleteData });
    for (const { type, id } of attention) poke({ type, id });
    const { objects, deviations, failures } = await inspect(inspectable(drivers), lookup);
    this.#waiting -= 1;
    for (let from = 0; from + objectsMax < objects.length; from += objectsMax) {
      const part = objects.slice(from, from + objectsMax);
      send(create(InventoryReportSchema, { number, objects: part }));
    }
    const whole = Math.max(0, Math.ceil(objects.length / objectsMax) - 1) * objectsMax;
    send(
      create(InventoryReportSchema, {
        ...{ number, last: true, deviations: [...deviations] },
        objects: objects.slice(whole),
        failures: [...left, ...failures],
      }),
    );
  }
}
