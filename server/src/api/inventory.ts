/**
 * Asks all hosts and the control plane's own backends what they hold, has that compared with
 * intent, and acts on what is found where somebody wants it. What is compared how is in
 * `decide/inventory.ts`; what removes is in the drivers.
 */
import type { Node } from '@limiquantix/proto/compute/v1/node_pb.js';
import {
  type Finding,
  FindingKind,
  Remedy,
} from '@limiquantix/proto/operations/v1/inventory_service_pb.js';
import type { Inspected } from '../decide/backend-object.js';
import { controlPlane } from '../decide/expectations.js';
import { findingsOf, identityOf, type Place } from '../decide/inventory.js';
import { rest } from '../reconcile/bell.js';
import type { Poke } from '../reconcile/driver.js';
import type { RemovalRequest } from '../reconcile/inspect.js';
import { LimiError } from '../resource/error.js';
import type { ResourceKey } from '../resource/resource.js';
import type { AgentHub } from './agent-hub.js';
import { type ApiContext, freshen } from './api-context.js';

/** The backends that the control plane itself works with. */
export interface OwnBackends {
  inspect(): Promise<Inspected>;
  /** Returns what failed, for people. */
  remove(request: RemovalRequest): Promise<readonly string[]>;
}

/** What an inventory works with. */
export interface InventoryOptions {
  readonly context: Pick<ApiContext, 'clock' | 'store' | 'support' | 'types' | 'view'>;
  readonly hub: Pick<AgentHub, 'inspect'>;
  readonly own: OwnBackends;
  readonly poke: Poke;
}

/** Where was looked. */
export interface LookedAt {
  readonly nodeId: string;
  readonly name: string;
  readonly objects: number;
  readonly answered: boolean;
}

/** What is not as wanted. */
export interface Diagnosis {
  readonly findings: Finding[];
  readonly places: LookedAt[];
}

/** What was mended, and what is left. */
export interface Repair extends Diagnosis {
  readonly repaired: Finding[];
}

/** A host has this long to say what it holds. */
const lookTimeoutMs = 20_000;
/** A host has this long to remove strays: their guests are asked to shut down first. */
const removalTimeoutMs = 60_000;
/** What is found is looked at again after this long: what is on its way is no finding. */
const confirmMs = 1_500;
/** What is looked at again gets this long to become as wanted, and is asked for as often. */
const mendingMsMax = 20_000;
const mendingStepMs = 500;

/** The inventory of an installation. */
export class InventoryKeeper {
  readonly #options: InventoryOptions;
  #repairs: Promise<unknown> = Promise.resolve();

  constructor(options: InventoryOptions) {
    this.#options = options;
  }

  /** What is not as wanted, at two looks in a row. Changes nothing. */
  async check(options: { readonly includeForeign: boolean }): Promise<Diagnosis> {
    const isAsked = ({ kind }: Finding): boolean =>
      kind !== FindingKind.FOREIGN || options.includeForeign;
    const { findings, places } = await this.#look();
    const wrong = new Set(findings.filter(isWrong).map(identityOf));
    if (wrong.size === 0) return { findings: findings.filter(isAsked), places };
    await this.#rest(confirmMs);
    const again = await this.#look();
    const confirmed = again.findings.filter((one) => !isWrong(one) || wrong.has(identityOf(one)));
    return { findings: confirmed.filter(isAsked), places: again.places };
  }

  /** Mends what can be mended. One repair after the other; safe to repeat. */
  async repair(options: { readonly deleteData: boolean }): Promise<Repair> {
    const repair = this.#repairs.then(() => this.#repair(options.deleteData));
    this.#repairs = repair.catch(() => undefined);
    return repair;
  }

  async #repair(deleteData: boolean): Promise<Repair> {
    const { clock } = this.#options.context;
    const { findings, places } = await this.check({ includeForeign: false });
    const due = findings.filter(({ remedy }) => isDue(remedy, deleteData));
    if (due.length === 0) return { repaired: [], findings, places };
    const failures = await this.#act(due, deleteData);
    const wrong = new Set(due.map(identityOf));
    const endMs = clock.nowMs() + mendingMsMax;
    for (;;) {
      const now = (await this.#look()).findings.map(identityOf);
      if (!now.some((identity) => wrong.has(identity)) || clock.nowMs() >= endMs) break;
      await this.#rest(mendingStepMs);
    }
    const after = await this.check({ includeForeign: false });
    const left = new Set(after.findings.map(identityOf));
    for (const finding of after.findings) {
      const why = failures.get(finding.nodeId);
      if (why && wrong.has(identityOf(finding))) finding.message += `; not mended: ${why}`;
    }
    return { ...after, repaired: due.filter((one) => !left.has(identityOf(one))) };
  }

  /** Has each place do what is due there; returns what failed, by place. */
  async #act(due: readonly Finding[], deleteData: boolean): Promise<ReadonlyMap<string, string>> {
    const { hub, own, poke } = this.#options;
    const failures = new Map<string, string>();
    const acts = [...new Set(due.map(({ nodeId }) => nodeId))].map(async (nodeId) => {
      const here = due.filter((one) => one.nodeId === nodeId);
      const attention = keysOf(here.filter(({ remedy }) => remedy === Remedy.RECONCILE));
      const removals = keysOf(here.filter(({ remedy }) => remedy !== Remedy.RECONCILE));
      for (const key of attention) poke(key);
      try {
        const failed =
          nodeId === controlPlane
            ? await own.remove({ keys: removals, deleteData })
            : (
                await hub.inspect(nodeId, {
                  ...{ removals, deleteData, attention },
                  timeoutMs: removalTimeoutMs,
                })
              ).failures;
        if (failed.length > 0) failures.set(nodeId, failed.join('; '));
      } catch (error) {
        failures.set(nodeId, textOf(error));
      }
    });
    await Promise.all(acts);
    return failures;
  }

  async #look(): Promise<Diagnosis> {
    const { context } = this.#options;
    const { view, types, support } = context;
    await freshen(context);
    const nodes = view.list<Node>('node').filter((node) => node.deletionRequestedAt === undefined);
    const asked = [controlPlane, ...nodes.map(({ id }) => id)];
    const places = await Promise.all(asked.map((nodeId) => this.#ask(nodeId)));
    const findings = findingsOf({
      places,
      lookup: view,
      types: types.types,
      isObject: (resource, type) => support.isObject(type, resource),
    });
    const names = new Map(nodes.map(({ id, name }) => [id, name]));
    const lookedAt = places.map(({ nodeId, found }) => ({
      nodeId,
      name: names.get(nodeId) ?? 'control plane',
      objects: 'failure' in found ? 0 : found.objects.length,
      answered: !('failure' in found),
    }));
    return { findings: [...findings], places: lookedAt };
  }

  async #ask(nodeId: string): Promise<Place> {
    const { hub, own } = this.#options;
    const nothing = { removals: [], attention: [], deleteData: false };
    try {
      const found =
        nodeId === controlPlane
          ? await own.inspect()
          : await hub.inspect(nodeId, { ...nothing, timeoutMs: lookTimeoutMs });
      return { nodeId, found };
    } catch (error) {
      return { nodeId, found: { failure: textOf(error) } };
    }
  }

  #rest(delayMs: number): Promise<void> {
    return rest(this.#options.context.clock, delayMs, new AbortController().signal);
  }
}

const isWrong = ({ kind }: Finding): boolean => kind !== FindingKind.FOREIGN;

const isDue = (remedy: Remedy, deleteData: boolean): boolean =>
  remedy === Remedy.REMOVE ||
  remedy === Remedy.RECONCILE ||
  (remedy === Remedy.REMOVE_DATA && deleteData);

const keysOf = (findings: readonly Finding[]): ResourceKey[] =>
  findings.flatMap(({ owner }) => (owner ? [{ type: owner.type, id: owner.id }] : []));

function textOf(error: unknown): string {
  if (error instanceof LimiError) return error.message;
  throw error;
}
