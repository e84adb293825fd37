/**
 * `describe`: all of one resource for people: names beside ids, conditions as a table, and what
 * happened to it.
 */
import { timestampMs } from '@bufbuild/protobuf/wkt';
import { Code, ConnectError } from '@connectrpc/connect';
import { ConditionStatus } from '@limiquantix/proto/resource/v1/resource_pb.js';
import { isMap, isScalar, isSeq, type Node, Document as YamlDocument } from 'yaml';
import type { AnyResource } from '../resource/resource.js';
import { contractTypes, type ResourceType } from '../resource/type-registry.js';
import { parsePath } from './documents.js';
import { referenceSlots } from './reference-slots.js';
import type { Session } from './session.js';
import { fieldAt, labelsText, readiness, renderRows, valueAt } from './table.js';
import { timeText } from './words/numbers.js';
import { type Document, toDocument } from './words/to-document.js';

/** All about a resource, as text. */
export async function describeResource(
  session: Session,
  type: ResourceType,
  resource: AnyResource,
): Promise<string> {
  const { spec, status } = toDocument(type, resource);
  const header = headerOf(session, type, resource);
  const [names, events] = await Promise.all([
    namesIn(session, type, resource),
    eventsOf(session, resource),
  ]);
  const { observed_generation: _, conditions: __, ...observed } = (status ?? {}) as Document;
  const body = new YamlDocument({ spec: spec ?? {}, status: observed });
  for (const [path, name] of names) {
    const node = nodeAt(body.contents as Node | null, path);
    if (isScalar(node)) node.comment = ` ${name}`;
  }
  const parts = [header, body.toString({ lineWidth: 0 })];
  const conditions = conditionRows(resource, session.cli.nowMs());
  if (conditions.length > 0) {
    parts.push(section('conditions', ['TYPE', 'STATUS', 'SINCE', 'REASON', 'MESSAGE'], conditions));
  }
  if (events.length > 0) {
    parts.push(section('events', ['LAST SEEN', 'COUNT', 'REASON', 'MESSAGE'], events));
  }
  return parts.join('\n');
}

function headerOf(session: Session, type: ResourceType, resource: AnyResource): string {
  const { id, name, labels, description, createdAt, createdBy, owner } = resource;
  const nowMs = session.cli.nowMs();
  const since = createdAt === undefined ? '' : timeText(timestampMs(createdAt), nowMs);
  const isProtected = resource.protected
    ? 'yes: it can not be deleted until this is taken away'
    : '';
  const facts: [string, string][] = [
    ['Name', name],
    ['Type', type.type],
    ['Id', id],
    ['Project', resource.projectId],
    ['Labels', labelsText(labels)],
    ['Description', description],
    ['Created', [since, createdBy && `by ${createdBy}`].filter(Boolean).join(' ')],
    ['Owner', owner === undefined ? '' : `${owner.type} ${owner.id}`],
    ['Protected', isProtected],
    ['Ready', type.readiness === 'condition' ? readiness(resource) : ''],
  ];
  const lines = facts.filter(([, value]) => value !== '');
  return lines.map(([label, value]) => `${`${label}:`.padEnd(13)}${value}\n`).join('');
}

/** The names of what a resource refers to, by the path of the reference. */
async function namesIn(session: Session, type: ResourceType, resource: AnyResource) {
  const slots = (['spec', 'status'] as const).flatMap((part) => {
    const message = resource[part];
    return message === undefined ? [] : referenceSlots(type[part], message, part);
  });
  const names = new Map<string, Promise<string | undefined>>();
  for (const { target, name } of slots) {
    const key = `${target}/${name}`;
    if (!names.has(key)) names.set(key, nameById(session, target, name));
  }
  const found = await Promise.all(
    slots.map(async ({ path, target, name }) => {
      return [parsePath(path), await names.get(`${target}/${name}`)] as const;
    }),
  );
  return found.filter(([, name]) => name !== undefined);
}

async function nameById(
  { client }: Session,
  target: string,
  id: string,
): Promise<string | undefined> {
  try {
    return (await client.get(contractTypes.get(target), id)).name;
  } catch (error) {
    // A name is a comfort; what is gone or hidden has none.
    if (error instanceof ConnectError && isHidden(error.code)) return undefined;
    throw error;
  }
}

const isHidden = (code: Code): boolean => code === Code.NotFound || code === Code.PermissionDenied;

/** Events in one description. */
const eventsMax = 20;

async function eventsOf(session: Session, { id }: AnyResource): Promise<string[][]> {
  const type = contractTypes.find('event');
  if (type === undefined) return [];
  const field = (path: string) => fieldAt(type.message, path);
  const [seen, count, reason, message] = [
    field('status.last_seen_at'),
    field('status.count'),
    field('spec.reason'),
    field('spec.message'),
  ];
  if (!seen || !count || !reason || !message) return [];
  const events = await session.client
    .list(type, { filter: `spec.resource_id=${id}` })
    .catch((error: unknown) => {
      if (error instanceof ConnectError && isHidden(error.code)) return [];
      throw error;
    });
  const timeOf = (one: AnyResource): number => {
    const value = valueAt(one, seen) as Parameters<typeof timestampMs>[0] | undefined;
    return value === undefined ? 0 : timestampMs(value);
  };
  const newest = events.sort((a, b) => timeOf(a) - timeOf(b)).slice(-eventsMax);
  return newest.map((one) => [
    timeText(timeOf(one), session.cli.nowMs()),
    String(valueAt(one, count) ?? 1),
    String(valueAt(one, reason) ?? ''),
    String(valueAt(one, message) ?? ''),
  ]);
}

function conditionRows({ status }: AnyResource, nowMs: number): string[][] {
  return (status?.conditions ?? []).map(
    ({ type, status: is, reason, message, lastTransitionAt }) => [
      type,
      is === ConditionStatus.UNSPECIFIED ? 'unknown' : ConditionStatus[is].toLowerCase(),
      lastTransitionAt === undefined ? '' : timeText(timestampMs(lastTransitionAt), nowMs),
      reason,
      message,
    ],
  );
}

function section(title: string, headings: readonly string[], rows: readonly string[][]): string {
  const table = renderRows(headings, rows, false);
  return `${title}:\n${table.replace(/^(?=.)/gm, '  ')}`;
}

function nodeAt(root: Node | null, path: readonly (string | number)[]): unknown {
  let node: unknown = root;
  for (const step of path) {
    if (!isMap(node) && !isSeq(node)) return undefined;
    node = node.get(step, true);
  }
  return node;
}
