/**
 * `get`, `describe`, `create`, `delete` and `watch`: the standard methods on the command line, for every
 * resource type of the contract.
 */
import { readFile } from 'node:fs/promises';
import { createRegistry, fromJson, type JsonObject, toJson } from '@bufbuild/protobuf';
import { Code } from '@connectrpc/connect';
import { contractFiles } from '@limiquantix/proto/registry.js';
import { EventType } from '@limiquantix/proto/resource/v1/resource_pb.js';
import { Command, Option } from 'commander';
import { parseAllDocuments, stringify } from 'yaml';
import { LimiError } from '../resource/error.js';
import type { AnyResource } from '../resource/resource.js';
import { contractTypes, type ResourceType } from '../resource/type-registry.js';
import { type Cli, transportFor, withProfileOptions } from './cli.js';
import type { ProfileArguments } from './profile.js';
import { ResourceClient, type Selection } from './resource-client.js';
import { type NameOf, referencedTypes, renderLine, renderTable } from './table.js';

interface SelectionOptions extends ProfileArguments {
  readonly project?: string;
  readonly filter?: string;
  readonly output?: 'table' | 'json' | 'yaml';
}

interface DeleteOptions extends SelectionOptions {
  readonly force?: boolean;
  readonly wait: boolean;
}

/** A deletion is waited for this long. */
const deleteWaitMs = 120_000;
const registry = createRegistry(...contractFiles);

/** The commands. */
export function resourceCommands(cli: Cli): Command[] {
  const client = async (options: ProfileArguments): Promise<ResourceClient> =>
    new ResourceClient(await transportFor(cli, options));
  return [
    selecting('get', 'show resources of a type')
      .argument('<type>', typeList())
      .argument('[names...]', 'names or ids; without any, all')
      .addOption(outputOption())
      .action(async (typeName: string, names: string[], options: SelectionOptions) => {
        await show(
          { cli, client: await client(options), type: findType(typeName) },
          names,
          options,
        );
      }),
    selecting('describe', 'show everything about one resource')
      .argument('<type>', typeList())
      .argument('<name>', 'name or id')
      .action(async (typeName: string, name: string, options: SelectionOptions) => {
        const type = findType(typeName);
        const found = await (await client(options)).find(type, name, selectionOf(options));
        cli.stdout.write(stringify(plain(type, found)));
      }),
    withProfileOptions(new Command('create'))
      .description(
        'create the resources in a YAML or JSON file: documents with type, name and spec',
      )
      .requiredOption('-f, --file <file>', 'the file; - for standard input')
      .action(async (options: ProfileArguments & { file: string }) => {
        const created = await createAll(await client(options), options.file);
        for (const line of created) cli.stdout.write(`${line}\n`);
      }),
    selecting('delete', 'delete resources and wait until they are gone')
      .argument('<type>', typeList())
      .argument('<names...>', 'names or ids')
      .option('--force', "remove it even where its node can't be asked")
      .option('--no-wait', 'only request the deletion')
      .action(async (typeName: string, names: string[], options: DeleteOptions) => {
        const on = { cli, client: await client(options), type: findType(typeName) };
        for (const name of names) await deleteOne(on, name, options);
      }),
    selecting('watch', 'show each change of the resources of a type')
      .argument('<type>', typeList())
      .action(async (typeName: string, options: SelectionOptions) => {
        await watch({ cli, client: await client(options), type: findType(typeName) }, options);
      }),
  ];
}

interface On {
  readonly cli: Cli;
  readonly client: ResourceClient;
  readonly type: ResourceType;
}

async function show(on: On, names: readonly string[], options: SelectionOptions): Promise<void> {
  const { cli, client, type } = on;
  const selection = selectionOf(options);
  const found =
    names.length === 0
      ? await client.list(type, selection)
      : await Promise.all(names.map((name) => client.find(type, name, selection)));
  if (options.output === 'json' || options.output === 'yaml') {
    const all = found.map((one) => plain(type, one));
    const text = options.output === 'yaml' ? stringify(all) : `${JSON.stringify(all, null, 2)}\n`;
    cli.stdout.write(text);
  } else if (found.length === 0) {
    cli.stderr.write(`there are no ${type.plural.replaceAll('_', ' ')}\n`);
  } else {
    const nameOf = await namesFor(client, type);
    cli.stdout.write(renderTable(type, found, { nameOf, isColoured: cli.stdout.isTerminal }));
  }
}

async function createAll(client: ResourceClient, path: string): Promise<string[]> {
  const text = await readFile(path === '-' ? '/dev/stdin' : path, 'utf8');
  const lines: string[] = [];
  for (const document of parseAllDocuments(text)) {
    const content: unknown = document.toJS();
    if (typeof content !== 'object' || content === null) continue;
    const { type: typeName, ...rest } = content as Record<string, unknown>;
    const type = findType(String(typeName));
    const resource = fromJson(type.message, rest as JsonObject, { registry }) as AnyResource;
    const created = await client.create(type, resource);
    lines.push(`${type.type} ${created.name} ${created.id}`);
  }
  return lines;
}

async function deleteOne(on: On, name: string, options: DeleteOptions): Promise<void> {
  const { cli, client, type } = on;
  const found = await client.find(type, name, selectionOf(options));
  await client.delete(type, found.id, options.force ?? false);
  if (options.wait) await waitUntilGone(on, found.id);
  const done = options.wait ? 'deleted' : 'deletion requested';
  cli.stdout.write(`${type.type} ${found.name} ${done}\n`);
}

async function waitUntilGone({ cli, client, type }: On, id: string): Promise<void> {
  const signal = AbortSignal.any([cli.signal, AbortSignal.timeout(deleteWaitMs)]);
  // The filter begins with what exists: a resource that went before the watch began is not in it.
  let exists = false;
  for await (const event of client.watch(type, { filter: `id=${id}`, signal })) {
    if (event.type === EventType.DELETED) return;
    if (event.type === EventType.BOOKMARK && !exists) return;
    exists = true;
  }
}

async function watch({ cli, client, type }: On, options: SelectionOptions): Promise<void> {
  const nameOf = await namesFor(client, type);
  const selection = { ...selectionOf(options), signal: cli.signal };
  for await (const event of client.watch(type, selection)) {
    if (event.resource === undefined) continue;
    const word = EventType[event.type].toLowerCase().padEnd(8);
    const isColoured = cli.stdout.isTerminal;
    const line = renderLine(type, event.resource, { nameOf, isColoured });
    cli.stdout.write(`${word}  ${line}\n`);
  }
}

/** The names of what a type's columns refer to, such as nodes. */
async function namesFor(client: ResourceClient, type: ResourceType): Promise<NameOf> {
  const names = new Map<string, string>();
  for (const referenced of referencedTypes(type)) {
    for (const one of await client.list(contractTypes.get(referenced))) {
      names.set(`${referenced}/${one.id}`, one.name);
    }
  }
  return (typeName, id) => names.get(`${typeName}/${id}`);
}

/** The type of a name as users write it: `vm`, `vms`, `storage-pool`. */
function findType(word: string): ResourceType {
  const name = word.toLowerCase().replaceAll('-', '_');
  const found = contractTypes.types.find(({ type, plural }) => type === name || plural === name);
  if (found !== undefined) return found;
  throw new LimiError({
    code: Code.InvalidArgument,
    reason: 'UNKNOWN_TYPE',
    message: `there is no type ${word}; the types are: ${typeList()}`,
  });
}

function typeList(): string {
  return contractTypes.types.map(({ type }) => type).join(', ');
}

function plain(type: ResourceType, resource: AnyResource): JsonObject {
  const json = toJson(type.message, resource, { registry, useProtoFieldName: true });
  return { type: type.type, ...(json as JsonObject) };
}

function selectionOf({ project, filter }: SelectionOptions): Selection {
  return { projectId: project, filter };
}

function selecting(name: string, description: string): Command {
  return withProfileOptions(new Command(name))
    .description(description)
    .option('--project <id>', 'only those of this project')
    .option('--filter <terms>', 'only those that match, such as "labels.app=web"');
}

function outputOption(): Option {
  return new Option('-o, --output <format>', 'how to show them')
    .choices(['table', 'json', 'yaml'])
    .default('table');
}
