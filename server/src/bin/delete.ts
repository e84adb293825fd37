/** `delete`: deletes resources and waits until they are gone. */

import { Code } from '@connectrpc/connect';
import { EventType } from '@limiquantix/proto/resource/v1/resource_pb.js';
import { LimiError } from '../resource/error.js';
import type { ResourceType } from '../resource/type-registry.js';
import type { Cli } from './cli.js';
import { named } from './get.js';
import { findAll, openSession, type Session, selectionOf } from './session.js';
import type { DeleteOptions } from './standard-commands.js';
import { parseTargets } from './words/find-type.js';

/** A deletion is waited for this long. */
const deleteWaitMs = 120_000;

/** Deletes the resources that the words name, one after the other. */
export async function deleteResources(
  cli: Cli,
  words: readonly string[],
  options: DeleteOptions,
): Promise<void> {
  const targets = named(parseTargets(words), 'delete');
  const session = await openSession(cli, options);
  for (const target of targets) {
    const { type } = target;
    // All are found before the first goes: a mistyped name deletes nothing.
    const found = await findAll(session, target, selectionOf(session, type, {}));
    for (const { id, name } of found) {
      await session.client.delete(type, id, options.force ?? false);
      if (options.wait) await waitUntilGone(session, type, id);
      const done = options.wait ? 'deleted' : 'deletion requested';
      cli.stdout.write(`${type.type}/${name} ${done}\n`);
    }
  }
}

async function waitUntilGone(
  { cli, client }: Session,
  type: ResourceType,
  id: string,
): Promise<void> {
  const deadline = AbortSignal.timeout(deleteWaitMs);
  const signal = AbortSignal.any([cli.signal, deadline]);
  // The filter begins with what exists: a resource that went before the watch began is not in it.
  let exists = false;
  try {
    for await (const event of client.watch(type, { filter: `id=${id}`, signal })) {
      if (event.type === EventType.DELETED) return;
      if (event.type === EventType.BOOKMARK && !exists) return;
      exists = true;
    }
  } catch (error) {
    if (!deadline.aborted) throw error;
    throw new LimiError({
      code: Code.DeadlineExceeded,
      reason: 'STILL_THERE',
      message: `${type.label} ${id} is still there after ${deleteWaitMs / 1000} s; its deletion goes on, and "limiquantix describe ${type.type} ${id}" says what holds it`,
      cause: error,
    });
  }
}
