/**
 * Actions: calls the method, and where that begins an operation, tells how far it is until it has
 * ended. The operation goes on by itself; an interrupted Terraform only stops looking.
 */
import { create, type DescMessage, type Message } from '@bufbuild/protobuf';
import {
  type Operation,
  OperationPhase as Phase,
} from '@limiquantix/proto/operations/v1/operation_pb.js';
import { OperationService } from '@limiquantix/proto/operations/v1/operation_service_pb.js';
import type { ActionShape } from '../schema/action-shape.js';
import type { ObjectValue } from '../value/value.js';
import { type Api, ApiError } from './api.js';
import { type Diagnostic, DiagnosticError, problem } from './diagnostic.js';
import { getField } from './fields.js';
import { callDiagnostics, requestMessage } from './method-call.js';

/** Something to tell while an action goes on; the last one is its end. */
export type ActionEvent = { readonly progress: string } | { readonly ended: readonly Diagnostic[] };

/** What actions need from outside. */
export interface ActionEffects {
  readonly api: Api;
  /** A word that is never used twice. */
  readonly newRequestId: () => string;
}

/** Does it; all of the configuration is known. Its end says what failed; it throws nothing else. */
export async function* invokeAction(
  shape: ActionShape,
  config: ObjectValue,
  effects: ActionEffects,
): AsyncGenerator<ActionEvent> {
  const summary = `Cannot carry out ${shape.typeName}`;
  try {
    const request = requestMessage(shape.request, config);
    // Made again after a broken connection, the call begins nothing a second time.
    if ('requestId' in request) Object.assign(request, { requestId: effects.newRequestId() });
    const answer = await effects.api.call(shape.method, request);
    const operation = operationOf(answer);
    if (operation !== undefined) yield* follow(shape, operation, effects.api);
    else {
      for (const progress of plainAnswer(shape.method.output, answer)) yield { progress };
      yield { ended: [] };
    }
  } catch (error) {
    if (error instanceof DiagnosticError) yield { ended: error.diagnostics };
    else if (!(error instanceof ApiError)) throw error;
    else yield { ended: callDiagnostics({ summary, request: shape.request }, error) };
  }
}

/** How long each look at an operation lasts: it ends sooner where the operation does. */
const waitSeconds = 2;
/** An operation has a deadline of its own; this is for one that the server forgot. */
const waitsMax = (24 * 60 * 60) / waitSeconds;

async function* follow(
  shape: ActionShape,
  begun: Operation,
  api: Api,
): AsyncGenerator<ActionEvent> {
  const { waitOperation } = OperationService.method;
  let operation = begun;
  let told = '';
  for (let i = 0; i < waitsMax && !isEnded(operation); i += 1) {
    const progress = progressOf(operation);
    if (progress !== told) yield { progress };
    told = progress;
    try {
      const request = create(waitOperation.input, { id: begun.id, timeoutSeconds: waitSeconds });
      operation = operationOf(await api.call(waitOperation, request)) ?? operation;
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      yield { ended: [lostSight(shape, begun, error)] };
      return;
    }
  }
  const last = progressOf(operation);
  if (last !== told) yield { progress: last };
  yield { ended: endOf(shape, operation) };
}

function operationOf(answer: Message): Operation | undefined {
  const { operation } = answer as Message & { operation?: Operation };
  return operation;
}

const isEnded = ({ status }: Operation): boolean => (status?.phase ?? 0) >= Phase.SUCCEEDED;

/** `copying memory, 40%, 2 of 5 done`. */
function progressOf({ name, status }: Operation): string {
  const { stage = '', percent = 0, phase = Phase.UNSPECIFIED } = status ?? {};
  const items = Object.values(status?.items ?? {});
  const done = items.filter((item) => item.phase === Phase.SUCCEEDED).length;
  const parts = [
    stage === '' ? (phaseWords[phase] ?? 'is waited for') : stage,
    ...(percent > 0 ? [`${percent}%`] : []),
    ...(items.length > 0 ? [`${done} of ${items.length} done`] : []),
  ];
  return `${name}: ${parts.join(', ')}`;
}

const phaseWords: Readonly<Partial<Record<Phase, string>>> = {
  [Phase.RUNNING]: 'goes on',
  [Phase.SUCCEEDED]: 'done',
  [Phase.FAILED]: 'failed',
  [Phase.CANCELLED]: 'cancelled',
};

function endOf({ typeName }: ActionShape, { name, spec, status }: Operation): Diagnostic[] {
  const { phase, error } = status ?? {};
  if (phase === Phase.SUCCEEDED) return [];
  const target = `${spec?.targetType} "${spec?.targetName}"`;
  if (phase === Phase.CANCELLED) {
    return [
      problem(`${typeName} was cancelled`, `somebody cancelled operation ${name} on ${target}`),
    ];
  }
  const failed = Object.values(status?.items ?? {}).filter((item) => item.phase === Phase.FAILED);
  const lines = failed.map((item) => `\n- ${item.type} "${item.name}": ${item.message}`);
  const reason = error === undefined ? 'no reason was given' : `${error.reason}: ${error.message}`;
  return [problem(`${typeName} of ${target} failed`, `${reason}${lines.join('')}`)];
}

function lostSight(
  { typeName }: ActionShape,
  { name, id }: Operation,
  error: ApiError,
): Diagnostic {
  const detail =
    `${error.message}; the operation ${name} goes on by itself, and "limiquantix get operation ` +
    `${id}" tells what became of it`;
  return problem(`${typeName} was not waited for`, detail);
}

/** An answer that is no operation, in one line for each plain field; resources say nothing new. */
function plainAnswer(desc: DescMessage, answer: Message): string[] {
  return desc.fields
    .filter(({ fieldKind }) => fieldKind === 'scalar')
    .flatMap((field) => {
      const value = getField(answer, field);
      const text = value instanceof Uint8Array ? Buffer.from(value).toString() : String(value);
      return value === undefined || text === '' ? [] : [`${field.name}: ${text}`];
    });
}
