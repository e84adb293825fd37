/** `watch`: shows what is, and then each change. */
import { EventType } from '@limiquantix/proto/resource/v1/resource_pb.js';
import type { Cli } from './cli.js';
import { tableOptions } from './output.js';
import { openSession, type SelectionArguments, selectionOf } from './session.js';
import { renderLine } from './table.js';
import { findType } from './words/find-type.js';

/** Shows changes until the user wants it to end. */
export async function watch(cli: Cli, word: string, options: SelectionArguments): Promise<void> {
  const type = findType(word);
  const session = await openSession(cli, options);
  const table = await tableOptions(session, type, false);
  const selection = { ...selectionOf(session, type, options), signal: cli.signal };
  for await (const event of session.client.watch(type, selection)) {
    if (event.resource === undefined) continue;
    const word = EventType[event.type].toLowerCase().padEnd(8);
    const line = renderLine(type, event.resource, { ...table, nowMs: cli.nowMs() });
    cli.stdout.write(`${word}  ${line}\n`);
  }
}
