/** `delete`: deletes resources and waits until they are gone. */
import type { Cli } from './cli.js';
import { named } from './get.js';
import { findAll, openSession, selectionOf } from './session.js';
import type { DeleteOptions } from './standard-commands.js';
import { waitForOne } from './wait.js';
import { parseTargets } from './words/find-type.js';

/** Deletes the resources that the words name, one after the other. */
export async function deleteResources(
  cli: Cli,
  words: readonly string[],
  options: DeleteOptions,
): Promise<void> {
  const targets = named(parseTargets(words), 'delete');
  const session = await openSession(cli, options);
  // All are found before the first goes: a mistyped name deletes nothing.
  const found = await Promise.all(
    targets.map(async (target) => ({
      type: target.type,
      resources: await findAll(session, target, selectionOf(session, target.type, {})),
    })),
  );
  const deadline = AbortSignal.timeout(options.timeout * 1000);
  for (const { type, resources } of found) {
    for (const { id, name } of resources) {
      await session.client.delete(type, id, options.force ?? false);
      if (options.wait) {
        const goal = { kind: 'gone' } as const;
        await waitForOne(session, { type, id, name, goal, goalText: 'be gone', deadline });
      } else cli.stdout.write(`${type.type}/${name} deletion requested\n`);
    }
  }
}
