/**
 * What was asked of one agent and is not answered yet. An answer may come in parts; one that does
 * not come in time, or whose stream ends, is an error of the question.
 */
import { create } from '@bufbuild/protobuf';
import { Code } from '@connectrpc/connect';
import {
  type InventoryReport,
  type InventoryRequest,
  InventoryRequestSchema,
} from '@limiquantix/proto/agent/v1/agent_service_pb.js';
import type { BackendObject, Inspected } from '../decide/backend-object.js';
import type { Cancel, Clock } from '../reconcile/clock.js';
import { LimiError } from '../resource/error.js';
import type { ResourceKey } from '../resource/resource.js';

/** What is asked of an agent: what its host's backends hold, after it has done this. */
export interface Question {
  /** What nobody wants there, to be removed first. */
  readonly removals: readonly ResourceKey[];
  /** Whether data may go with it. */
  readonly deleteData: boolean;
  /** What to look at again. */
  readonly attention: readonly ResourceKey[];
  /** How long to wait for the answer. */
  readonly timeoutMs: number;
}

interface Waiting {
  readonly objects: BackendObject[];
  readonly resolve: (inspected: Inspected) => void;
  readonly reject: (error: unknown) => void;
  readonly timer: Cancel;
}

/** The questions of one stream. */
export class Questions {
  readonly #clock: Clock;
  readonly #waiting = new Map<bigint, Waiting>();
  #numbers = 0n;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** A question as it is sent, and its answer to come. */
  ask(question: Question): {
    readonly request: InventoryRequest;
    readonly answer: Promise<Inspected>;
  } {
    this.#numbers += 1n;
    const number = this.#numbers;
    const { removals, deleteData, attention, timeoutMs } = question;
    const answer = new Promise<Inspected>((resolve, reject) => {
      const timer = this.#clock.after(timeoutMs, () => {
        this.#waiting.delete(number);
        reject(noAnswer(timeoutMs));
      });
      this.#waiting.set(number, { objects: [], resolve, reject, timer });
    });
    const fields = { number, deleteData, removals: [...removals], attention: [...attention] };
    return { request: create(InventoryRequestSchema, fields), answer };
  }

  /** Takes a part of an answer; one that nobody waits for any more is dropped. */
  take({ number, objects, deviations, failures, last }: InventoryReport): void {
    const waiting = this.#waiting.get(number);
    if (waiting === undefined) return;
    waiting.objects.push(...objects);
    if (!last) return;
    this.#waiting.delete(number);
    waiting.timer();
    waiting.resolve({ objects: waiting.objects, deviations, failures });
  }

  /** Ends all: there will be no answers. */
  end(): void {
    for (const { timer, reject } of this.#waiting.values()) {
      timer();
      reject(notConnected());
    }
    this.#waiting.clear();
  }
}

/** The error for a node without an agent's stream. */
export const notConnected = (): LimiError =>
  new LimiError({
    code: Code.Unavailable,
    reason: 'AGENT_NOT_CONNECTED',
    message: 'its agent is not connected',
    retryable: true,
  });

const noAnswer = (timeoutMs: number): LimiError =>
  new LimiError({
    code: Code.DeadlineExceeded,
    reason: 'AGENT_SILENT',
    message: `its agent did not say within ${timeoutMs / 1_000} s what its backends hold`,
    retryable: true,
  });
