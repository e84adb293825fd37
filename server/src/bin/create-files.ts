/** `create -f`: creates what files hold. */
import type { AnyResource } from '../resource/resource.js';
import type { Cli } from './cli.js';
import { readManifests } from './documents.js';
import { render } from './output.js';
import { errorAt, fillReferences, type Prepared, prepare } from './prepare.js';
import { openSession } from './session.js';
import type { FileOptions } from './standard-commands.js';
import { uploadFiles } from './upload-files.js';

/** Creates each resource, what is referred to first; tells each that was created. */
export async function createFromFiles(cli: Cli, options: FileOptions): Promise<void> {
  const manifests = await readManifests(cli, options.file);
  const session = await openSession(cli, options);
  const prepared = await prepare(session, manifests);
  const ids = new Map<string, string>();
  const created: { readonly one: Prepared; readonly resource: AnyResource }[] = [];
  for (const [index, one] of prepared.entries()) {
    fillReferences(one, ids);
    try {
      const resource = await session.client.create(one.type, one.resource);
      ids.set(one.key, resource.id);
      created.push({ one, resource });
    } catch (error) {
      tellLeft(cli, prepared.slice(index + 1));
      throw errorAt(one, error);
    }
    if (options.output === undefined) cli.stdout.write(`${one.title} created\n`);
    await uploadFiles(session, one.type, { resource: one.resource, id: ids.get(one.key) ?? '' });
  }
  const format = options.output;
  if (format === undefined) return;
  const shown = created.map(({ one, resource }) => ({ type: one.type, resources: [resource] }));
  cli.stdout.write(await render(session, shown, { format, isOne: created.length === 1 }));
}

/** Says what was not sent, because something before it failed. */
export function tellLeft({ stderr }: Cli, left: readonly Prepared[]): void {
  if (left.length === 0) return;
  stderr.write(`not sent: ${left.map(({ title }) => title).join(', ')}\n`);
}
