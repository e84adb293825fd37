/** Counts what policies refuse: in their status, written a moment after. */
import { type Policy, PolicyStatusSchema } from '@limiquantix/proto/identity/v1/policy_pb.js';
import type { Log } from '../log.js';
import type { Cancel } from '../reconcile/clock.js';
import { patched } from '../resource/patched.js';
import type { ApiContext } from './api-context.js';
import { StatusWriter } from './status-writer.js';

/** Refusals are gathered for so long: a policy's record isn't written for each of them. */
const gatherMs = 1_000;

/** The refusals of all policies. */
export class PolicyDenials {
  readonly #context: Omit<ApiContext, 'denials'>;
  readonly #log: Log;
  readonly #writer: StatusWriter;
  /** By policy, those that aren't written yet. */
  readonly #counts = new Map<string, bigint>();
  #timer: Cancel | undefined;

  constructor(context: Omit<ApiContext, 'denials'>, log: Log) {
    this.#context = context;
    this.#log = log;
    this.#writer = new StatusWriter(context);
  }

  /** Notes that a request was refused by policies, named by their names. */
  note(policies: Iterable<string>): void {
    for (const name of new Set(policies)) {
      this.#counts.set(name, (this.#counts.get(name) ?? 0n) + 1n);
    }
    this.#timer ??= this.#context.clock.after(gatherMs, () => {
      this.#timer = undefined;
      this.#write().catch((err: unknown) => {
        this.#log.warn('what policies refused could not be counted', { err });
      });
    });
  }

  /** Writes what waits, and ends. */
  async stop(): Promise<void> {
    this.#timer?.();
    this.#timer = undefined;
    await this.#write();
  }

  async #write(): Promise<void> {
    const counts = [...this.#counts];
    this.#counts.clear();
    for (const [name, count] of counts) {
      const found = this.#context.view.findByName({ type: 'policy', projectId: '', name });
      if (found === undefined) continue;
      await this.#writer.writeStatus<Policy>({ type: 'policy', id: found.id }, ({ status }) =>
        patched(PolicyStatusSchema, status, { deniedCount: (status?.deniedCount ?? 0n) + count }),
      );
    }
  }
}
