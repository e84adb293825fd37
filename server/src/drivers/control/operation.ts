/**
 * Follows operations: judges each from the resources that it works on, and says so in its status.
 * It carries nothing out: that is done by the drivers of those resources, or by a node's agent.
 */
import { create } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import {
  type Operation,
  OperationErrorSchema,
  type OperationStatus,
  OperationStatusSchema,
  OperationPhase as Phase,
} from '@limiquantix/proto/operations/v1/operation_pb.js';
import {
  isEnded,
  type Judgement,
  judgeOperation,
  type OperationRule,
} from '../../decide/operation.js';
import type { Difference, Driver, Lookup, SupportsTriggers } from '../../reconcile/driver.js';
import type { ViewChange } from '../../reconcile/loop.js';
import { nameOf } from '../../resource/key-name.js';
import { patched } from '../../resource/patched.js';
import { failed, notReady, ready } from '../../resource/ready.js';
import type { ResourceKey } from '../../resource/resource.js';

/** A deadline may pass without any other change. */
const againMs = 5_000;

/** The driver for `operation` in the control plane. */
export class OperationControlDriver
  implements Driver<Operation, undefined, never, OperationStatus>, SupportsTriggers
{
  readonly type = 'operation';
  readonly runsOn = 'control-plane';
  readonly #rules: ReadonlyMap<string, OperationRule>;
  /** The operations to look at when a resource changes, by its key; bounded by those under way. */
  readonly #followers = new Map<string, Set<string>>();

  constructor(rules: ReadonlyMap<string, OperationRule>) {
    this.#rules = rules;
  }

  async observe(operation: Operation): Promise<undefined> {
    for (const name of this.#followed(operation)) {
      if (isEnded(operation)) this.#unfollow(name, operation.id);
      else this.#followers.set(name, (this.#followers.get(name) ?? new Set()).add(operation.id));
    }
  }

  diff(
    operation: Operation,
    _observed: undefined,
    lookup: Lookup,
  ): Difference<never, OperationStatus> {
    const { status = create(OperationStatusSchema) } = operation;
    if (isEnded(operation)) return { actions: [], status };
    const rule = this.#rules.get(operation.spec?.method ?? '');
    const judgement = judgeOperation(operation, rule, lookup);
    const next = patched(OperationStatusSchema, status, {
      observedGeneration: operation.generation,
      startedAt: status.startedAt ?? timestampFromMs(lookup.nowMs()),
      ...described(judgement),
      ...(judgement.kind !== 'running' && {
        endedAt: timestampFromMs(lookup.nowMs()),
        cancellable: false,
      }),
    });
    return {
      actions: [],
      status: next,
      ...(judgement.kind === 'running' && { againAfterMs: againMs }),
    };
  }

  async apply(): Promise<void> {
    throw new Error('this driver has no actions');
  }

  async remove(operation: Operation): Promise<{ readonly gone: true }> {
    this.#forget(operation);
    return { gone: true };
  }

  triggers({ key, resource, previous }: ViewChange): readonly ResourceKey[] {
    if (key.type === 'operation') {
      if (resource === undefined && previous !== undefined) this.#forget(previous as Operation);
      return [];
    }
    const followers = this.#followers.get(nameOf(key)) ?? [];
    return [...followers].map((id) => ({ type: 'operation', id }));
  }

  #followed(operation: Operation): string[] {
    const { spec } = operation;
    const target = { type: spec?.targetType ?? '', id: spec?.targetId ?? '' };
    const rule = this.#rules.get(spec?.method ?? '');
    return [target, ...(rule?.follows?.(operation) ?? [])].map(nameOf);
  }

  #forget(operation: Operation): void {
    for (const name of this.#followed(operation)) this.#unfollow(name, operation.id);
  }

  #unfollow(name: string, id: string): void {
    const followers = this.#followers.get(name);
    followers?.delete(id);
    if (followers?.size === 0) this.#followers.delete(name);
  }
}

type Described = Pick<OperationStatus, 'phase' | 'conditions'> & Partial<OperationStatus>;

function described(judgement: Judgement): Described {
  switch (judgement.kind) {
    case 'running': {
      const { stage, percent } = judgement;
      return { phase: Phase.RUNNING, stage, percent, conditions: notReady('Running', stage) };
    }
    case 'succeeded':
      return { phase: Phase.SUCCEEDED, stage: 'done', percent: 100, conditions: ready() };
    case 'cancelled':
      return {
        phase: Phase.CANCELLED,
        conditions: failed('Cancelled', 'it was cancelled'),
      };
    case 'failed': {
      const { reason, message, items } = judgement;
      return {
        phase: Phase.FAILED,
        error: create(OperationErrorSchema, { reason, message }),
        conditions: failed('Failed', message),
        ...(items && { items }),
      };
    }
  }
}
