/** Projects: what the resources of each take, counted again a moment after they changed. */
import {
  ProjectPhase as Phase,
  type Project,
  type ProjectStatus,
  ProjectStatusSchema,
} from '@limiquantix/proto/identity/v1/project_pb.js';
import { type Amounts, isCounted, usageMessage } from '../../decide/quota.js';
import type { Cancel, Clock } from '../../reconcile/clock.js';
import type { Difference, Driver, Lookup, Poke } from '../../reconcile/driver.js';
import type { ViewChange } from '../../reconcile/loop.js';
import { patched } from '../../resource/patched.js';
import { ready } from '../../resource/ready.js';

/** Changes are gathered for so long: a project's record isn't written for each of its resources. */
const gatherMs = 1_000;

/** What the driver works with. */
export interface ProjectDriverOptions {
  /** What a project's resources take. */
  readonly usageOf: (project: string) => Amounts;
  readonly clock: Clock;
  readonly poke: Poke;
}

/** The driver for `project` in the control plane. */
export class ProjectControlDriver implements Driver<Project, undefined, never, ProjectStatus> {
  readonly type = 'project';
  readonly runsOn = 'control-plane';
  readonly #options: ProjectDriverOptions;
  readonly #changed = new Set<string>();
  #timer: Cancel | undefined;

  constructor(options: ProjectDriverOptions) {
    this.#options = options;
  }

  /** Follows a change of the view. */
  changed({ key, resource, previous }: ViewChange, lookup: Lookup): void {
    if (!isCounted(key.type)) return;
    this.#changed.add((resource ?? previous)?.projectId ?? '');
    this.#timer ??= this.#options.clock.after(gatherMs, () => {
      this.#timer = undefined;
      for (const { id, name } of lookup.list<Project>('project')) {
        if (this.#changed.has(name)) this.#options.poke({ type: this.type, id });
      }
      this.#changed.clear();
    });
  }

  /** Ends the timer. */
  stop(): void {
    this.#timer?.();
  }

  async observe(): Promise<undefined> {
    return undefined;
  }

  diff({ name, generation, status }: Project): Difference<never, ProjectStatus> {
    const next = {
      observedGeneration: generation,
      phase: Phase.READY,
      conditions: ready(),
      usage: usageMessage(this.#options.usageOf(name)),
    };
    return { actions: [], status: patched(ProjectStatusSchema, status, next) };
  }

  async apply(): Promise<void> {
    throw new Error('this driver has no actions');
  }

  async remove(): Promise<{ readonly gone: true }> {
    return { gone: true };
  }
}
