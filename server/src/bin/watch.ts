/** `watch`: shows what is, and then each change. */
import { Code } from '@connectrpc/connect';
import { EventType } from '@limiquantix/proto/resource/v1/resource_pb.js';
import { LimiError } from '../resource/error.js';
import type { Cli } from './cli.js';
import { tableOptions } from './output.js';
import { findAll, openSession, type SelectionArguments, selectionOf } from './session.js';
import { renderLine } from './table.js';
import { parseTargets } from './words/find-type.js';

/** Shows changes of a type, or of those named, until the user wants it to end. */
export async function watch(
  cli: Cli,
  words: readonly string[],
  options: SelectionArguments,
): Promise<void> {
  const [target, second] = parseTargets(words);
  if (target === undefined || second !== undefined) throw oneTypeOnly();
  const { type, names } = target;
  const session = await openSession(cli, options);
  const table = await tableOptions(session, type, false);
  const selection = selectionOf(session, type, options);
  const found = await findAll(session, target, selection);
  const ids = new Set(found.map(({ id }) => id));
  const { signal } = cli;
  for await (const event of session.client.watch(type, { ...selection, signal })) {
    const { resource } = event;
    if (resource === undefined || (names.length > 0 && !ids.has(resource.id))) continue;
    const word = EventType[event.type].toLowerCase().padEnd(8);
    const line = renderLine(type, resource, { ...table, nowMs: cli.nowMs() });
    cli.stdout.write(`${word}  ${line}\n`);
  }
}

const oneTypeOnly = (): LimiError =>
  new LimiError({
    code: Code.InvalidArgument,
    reason: 'INVALID_ARGUMENT',
    message: 'only one type can be watched at a time; write: limiquantix watch TYPE',
  });
