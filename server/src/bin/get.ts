/** `get` and `describe`: shows resources. */
import { Code } from '@connectrpc/connect';
import { LimiError } from '../resource/error.js';
import type { AnyResource } from '../resource/resource.js';
import type { Cli } from './cli.js';
import { render, type Shown, sortBy } from './output.js';
import {
  findAll,
  openSession,
  type ProjectArguments,
  type SelectionArguments,
  type Session,
  selectionOf,
} from './session.js';
import type { GetOptions } from './standard-commands.js';
import { parseTargets, type Target } from './words/find-type.js';

/** Shows the resources that the words name. */
export async function get(cli: Cli, words: readonly string[], options: GetOptions): Promise<void> {
  const targets = parseTargets(words);
  const session = await openSession(cli, options);
  const shown = merged(await Promise.all(targets.map((target) => read(session, target, options))));
  const order = options.sortBy;
  const ordered =
    order === undefined
      ? shown
      : shown.map(({ type, resources }) => ({ type, resources: sortBy(type, resources, order) }));
  const isOne = targets.length === 1 && targets[0]?.names.length === 1;
  const format = options.output ?? 'table';
  cli.stdout.write(await render(session, ordered, { format, isOne }));
  if (ordered.every(({ resources }) => resources.length === 0)) {
    const what = ordered.map(({ type }) => type.plural.replaceAll('_', ' ')).join(' or ');
    cli.stderr.write(`there are no ${what}${whereOf(session, options)}\n`);
  }
}

/** Shows everything about the resources that the words name. */
export async function describe(
  cli: Cli,
  words: readonly string[],
  options: ProjectArguments,
): Promise<void> {
  const targets = named(parseTargets(words), 'describe');
  const session = await openSession(cli, options);
  const { describeResource } = await import('./describe.js');
  const texts: string[] = [];
  for (const { type, resources } of await Promise.all(
    targets.map((target) => read(session, target, options)),
  )) {
    for (const one of resources) texts.push(await describeResource(session, type, one));
  }
  cli.stdout.write(texts.join('\n\n'));
}

/** Targets that name resources. Throws INVALID_ARGUMENT where one names a type only. */
export function named(targets: readonly Target[], verb: string): readonly Target[] {
  const open = targets.find(({ names }) => names.length === 0);
  if (open === undefined) return targets;
  const { type } = open.type;
  throw new LimiError({
    code: Code.InvalidArgument,
    reason: 'INVALID_ARGUMENT',
    message: `which ${type}? write: limiquantix ${verb} ${type} NAME`,
  });
}

async function read(session: Session, target: Target, options: SelectionArguments): Promise<Shown> {
  const { type, names } = target;
  const selection = selectionOf(session, type, options);
  const resources =
    names.length === 0
      ? await session.client.list(type, selection)
      : await findAll(session, target, selection);
  return { type, resources };
}

/** Several of one type, as in `vm/a vm/b`, in one table. */
function merged(shown: readonly Shown[]): Shown[] {
  const byType = new Map<string, { type: Shown['type']; resources: AnyResource[] }>();
  for (const { type, resources } of shown) {
    const known = byType.get(type.type);
    if (known === undefined) byType.set(type.type, { type, resources: [...resources] });
    else known.resources.push(...resources);
  }
  return [...byType.values()];
}

function whereOf({ projectId }: Session, { filter, selector }: GetOptions): string {
  if (filter !== undefined || selector !== undefined) return ' that match';
  return projectId === '' ? '' : ` in project ${projectId}; -A shows those of all projects`;
}
