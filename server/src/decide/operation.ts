/**
 * How far an operation is: judged, each time anew, from the resources that it works on, so that
 * nothing needs to be remembered between two looks or over a restart. Pure.
 */
import { type DescMessage, fromJson, type MessageShape } from '@bufbuild/protobuf';
import { timestampMs } from '@bufbuild/protobuf/wkt';
import {
  type Operation,
  type OperationItem,
  OperationPhase as Phase,
} from '@limiquantix/proto/operations/v1/operation_pb.js';
import type { Lookup } from '../resource/lookup.js';
import type { AnyResource, ResourceKey } from '../resource/resource.js';

/** What became of an operation so far. */
export type Judgement =
  /** It goes on. */
  | {
      readonly kind: 'running';
      /** What is being done, for people. */
      readonly stage: string;
      /** From 0 to 100. */
      readonly percent: number;
    }
  | { readonly kind: 'succeeded' }
  | { readonly kind: 'cancelled' }
  | {
      readonly kind: 'failed';
      /** A stable word in UPPER_SNAKE. */
      readonly reason: string;
      readonly message: string;
      /** For work on several resources, what became of each. */
      readonly items?: { [id: string]: OperationItem };
    };

/** What a rule rests on. */
export interface OperationInput<R extends AnyResource = AnyResource> {
  readonly operation: Operation;
  /** The resource that it works on. */
  readonly target: R;
  readonly lookup: Lookup;
}

/** How the operations of one method are judged. */
export interface OperationRule<R extends AnyResource = AnyResource> {
  readonly judge: (input: OperationInput<R>) => Judgement;
  /** Whether it can be called off before its end. */
  readonly cancellable: boolean;
  /** Whether the end of the resource that it works on is what it is for. */
  readonly endsTarget?: boolean;
  /** Resources that it waits for, besides the one that it works on. */
  readonly follows?: (operation: Operation) => readonly ResourceKey[];
}

/** Whether an operation has come to its end. */
export function isEnded({ status }: Operation): boolean {
  return endings.has(status?.phase ?? Phase.UNSPECIFIED);
}

/**
 * The id of the newest operation that is at work on a resource, or of the operation that the key
 * names; empty for none. Looks at all operations.
 */
export function operationOn({ type, id }: ResourceKey, lookup: Pick<Lookup, 'list'>): string {
  if (type === 'operation') return id;
  const at = lookup
    .list<Operation>('operation')
    .filter(({ spec }) => spec?.targetType === type && spec.targetId === id)
    .filter((operation) => !isEnded(operation));
  return (
    at
      .map((operation) => operation.id)
      .sort()
      .at(-1) ?? ''
  );
}

const endings: ReadonlySet<Phase> = new Set([Phase.SUCCEEDED, Phase.FAILED, Phase.CANCELLED]);

/** The request that began an operation. A newer server's unknown fields are left out. */
export function argumentsOf<D extends DescMessage>(
  request: D,
  { spec }: Operation,
): MessageShape<D> {
  return fromJson(request, JSON.parse(spec?.argumentsJson || '{}'), { ignoreUnknownFields: true });
}

/** Judges an operation that has not ended. */
export function judgeOperation(
  operation: Operation,
  rule: OperationRule | undefined,
  lookup: Lookup,
): Judgement {
  const { spec } = operation;
  if (rule === undefined) {
    return failure('NOT_SUPPORTED', `this version does not know the method ${spec?.method}`);
  }
  const deadline = spec?.deadlineAt;
  if (deadline !== undefined && lookup.nowMs() >= timestampMs(deadline)) {
    const stage = operation.status?.stage ?? '';
    const last = stage === '' ? '' : `; the last was: ${stage}`;
    return failure('DEADLINE_EXCEEDED', `it was not done before its deadline${last}`);
  }
  const target = lookup.get(spec?.targetType ?? '', spec?.targetId ?? '');
  if (rule.endsTarget) return target === undefined ? success : going('it is being removed');
  if (target === undefined || target.deletionRequestedAt !== undefined) {
    return failure('TARGET_GONE', `${spec?.targetType} ${spec?.targetName} is gone or going`);
  }
  return rule.judge({ operation, target, lookup });
}

/** It goes on; `percent` is 0 where nobody knows how much is left. */
export const going = (stage: string, percent = 0): Judgement => ({
  kind: 'running',
  stage,
  percent,
});

/** It can't be done. */
export const failure = (reason: string, message: string): Judgement => ({
  kind: 'failed',
  reason,
  message,
});

/** It is done. */
export const success: Judgement = { kind: 'succeeded' };
