/** `wait`: waits until resources are as wanted, gone, or can't come to be so. */
import { Code, type ConnectError } from '@connectrpc/connect';
import {
  type Condition,
  ConditionStatus,
  EventType,
} from '@limiquantix/proto/resource/v1/resource_pb.js';
import { LimiError } from '../resource/error.js';
import type { AnyResource } from '../resource/resource.js';
import type { ResourceType } from '../resource/type-registry.js';
import type { Cli } from './cli.js';
import { named } from './get.js';
import { findAll, openSession, type Session, selectionOf } from './session.js';
import type { WaitOptions } from './standard-commands.js';
import { fieldAt, valueAt } from './table.js';
import { enumWord } from './words/enum-words.js';
import { parseTargets } from './words/find-type.js';
import { didYouMean } from './words/nearest.js';

/** What is waited for. */
export type Goal =
  | { readonly kind: 'gone' }
  | { readonly kind: 'condition'; readonly name: string; readonly status: ConditionStatus }
  | { readonly kind: 'field'; readonly path: string; readonly value: string };

/** Waits for all of the resources that the words name. */
export async function wait(
  cli: Cli,
  words: readonly string[],
  options: WaitOptions,
): Promise<void> {
  const targets = named(parseTargets(words), 'wait');
  const goal = parseGoal(options.for);
  for (const { type } of targets) checkGoal(type, goal);
  const session = await openSession(cli, options);
  const deadline = AbortSignal.timeout(options.timeout * 1000);
  const waits: Promise<void>[] = [];
  for (const target of targets) {
    const { type } = target;
    for (const { id, name } of await existing(session, target, goal)) {
      waits.push(waitForOne(session, { type, id, name, goal, goalText: options.for, deadline }));
    }
  }
  await Promise.all(waits);
}

/** Reads `condition=Ready`, `condition=Ready=failed`, `deleted` or `status.phase=running`. */
export function parseGoal(text: string): Goal {
  if (/^deleted?$/.test(text)) return { kind: 'gone' };
  const [path = '', value, status = 'true'] = text.split('=');
  if (path === 'condition') {
    const number = ConditionStatus[status.toUpperCase() as keyof typeof ConditionStatus];
    if (value && number !== undefined) return { kind: 'condition', name: value, status: number };
  } else if (path !== '' && value !== undefined) {
    return { kind: 'field', path, value: text.slice(path.length + 1) };
  }
  throw new LimiError({
    code: Code.InvalidArgument,
    reason: 'INVALID_ARGUMENT',
    message: `"${text}" is nothing to wait for; give condition=Ready, condition=NAME=true|false|failed, deleted, or a field such as status.phase=running`,
  });
}

/** Waits for one resource; its wait ends with the deadline or the user's wish. */
export interface OneWait {
  readonly type: ResourceType;
  readonly id: string;
  readonly name: string;
  readonly goal: Goal;
  readonly goalText: string;
  readonly deadline: AbortSignal;
}

/** Waits for one resource. Throws DEADLINE_EXCEEDED with the state that it was last in. */
export async function waitForOne(session: Session, one: OneWait): Promise<void> {
  const { type, id, name, goal, goalText, deadline } = one;
  const { cli, client } = session;
  const title = `${type.type}/${name}`;
  const signal = AbortSignal.any([cli.signal, deadline]);
  let last: AnyResource | undefined;
  try {
    for await (const event of client.watch(type, { filter: `id=${id}`, signal })) {
      const isGone =
        event.type === EventType.DELETED ||
        // The watch begins with what exists: without it, it went before.
        (event.type === EventType.BOOKMARK && last === undefined);
      if (isGone) {
        if (goal.kind !== 'gone') throw gone(title);
        cli.stdout.write(`${title} deleted\n`);
        return;
      }
      last = event.resource ?? last;
      if (last === undefined || !isReached(type, last, goal)) continue;
      cli.stdout.write(`${title} ${goalText}\n`);
      return;
    }
  } catch (error) {
    if (!deadline.aborted) throw error;
  }
  if (cli.signal.aborted)
    throw new LimiError({ code: Code.Canceled, reason: 'INTERRUPTED', message: 'interrupted' });
  throw new LimiError({
    code: Code.DeadlineExceeded,
    reason: 'NOT_IN_TIME',
    message: `${title} did not come to ${goalText} in time; ${stateText(last, goal)}`,
  });
}

function isReached(type: ResourceType, resource: AnyResource, goal: Goal): boolean {
  if (goal.kind === 'gone') return false;
  if (goal.kind === 'field') return textsAt(type, resource, goal.path).includes(goal.value);
  // What was observed of an older spec says nothing of this one.
  if (resource.status?.observedGeneration !== resource.generation) return false;
  const condition = conditionOf(resource, goal.name);
  if (condition?.status === goal.status) return true;
  if (condition?.status === ConditionStatus.FAILED && goal.status === ConditionStatus.TRUE) {
    const { reason, message } = condition;
    throw new LimiError({
      code: Code.FailedPrecondition,
      reason: 'FAILED',
      message: `${type.type}/${resource.name} can't become ${goal.name}: ${[reason, message].filter(Boolean).join(': ')}`,
    });
  }
  return false;
}

function textsAt(type: ResourceType, resource: AnyResource, path: string): string[] {
  const found = fieldAt(type.message, path);
  if (found === undefined) return [];
  const value = valueAt(resource, found);
  const { field } = found;
  if (field.fieldKind === 'enum') return [enumWord(field.enum, Number(value ?? 0))];
  if (Array.isArray(value)) return value.map(String);
  return [
    value === undefined ? zeroText(field.fieldKind === 'scalar' ? field.scalar : 0) : String(value),
  ];
}

/** What isn't set reads as the zero of its kind. */
function zeroText(scalar: number): string {
  const [bool, string] = [8, 9];
  if (scalar === string) return '';
  return scalar === bool ? 'false' : '0';
}

const conditionOf = ({ status }: AnyResource, name: string): Condition | undefined =>
  status?.conditions.find(({ type }) => type.toLowerCase() === name.toLowerCase());

function stateText(resource: AnyResource | undefined, goal: Goal): string {
  if (resource === undefined) return 'nothing was seen of it';
  if (resource.deletionRequestedAt !== undefined && goal.kind === 'gone')
    return 'it is being deleted';
  const condition = conditionOf(resource, goal.kind === 'condition' ? goal.name : 'Ready');
  if (condition === undefined) return 'nothing is known of it yet';
  const { type, status, reason, message } = condition;
  const word = ConditionStatus[status].toLowerCase();
  return `${type} is ${word}${reason === '' ? '' : ` (${reason})`}${message === '' ? '' : `: ${message}`}`;
}

function checkGoal(type: ResourceType, goal: Goal): void {
  if (goal.kind !== 'field' || fieldAt(type.message, goal.path) !== undefined) return;
  throw new LimiError({
    code: Code.InvalidArgument,
    reason: 'INVALID_ARGUMENT',
    message: `a ${type.label} has no field "${goal.path}"${didYouMean(goal.path, ['status.phase', ...type.columns])}`,
  });
}

/** The resources to wait for; those that are gone already need no wait for it. */
async function existing(
  session: Session,
  target: ReturnType<typeof parseTargets>[number],
  goal: Goal,
): Promise<AnyResource[]> {
  const { type, names } = target;
  const selection = selectionOf(session, type, {});
  if (goal.kind !== 'gone') return findAll(session, target, selection);
  const found: AnyResource[] = [];
  for (const name of names) {
    const one = await session.client.findIfAny(type, name, selection);
    if (one === undefined) session.cli.stdout.write(`${type.type}/${name} deleted\n`);
    else found.push(one);
  }
  return found;
}

function gone(title: string): ConnectError | LimiError {
  return new LimiError({
    code: Code.NotFound,
    reason: 'GONE',
    message: `${title} was deleted while it was waited for`,
  });
}
