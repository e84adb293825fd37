/**
 * What a command works with once it knows its control plane: the client, the project that is meant,
 * and the names behind ids.
 */
import type { AnyResource, TypeName } from '../resource/resource.js';
import { contractTypes, type ResourceType } from '../resource/type-registry.js';
import type { Cli } from './cli.js';
import { findProfile, type ProfileArguments } from './profile.js';
import { createTransport, isId, ResourceClient, type Selection } from './resource-client.js';
import type { NameOf } from './table.js';
import { selectorTerms } from './words/selector.js';

/** The options that say which project is meant. */
export interface ProjectArguments extends ProfileArguments {
  readonly project?: string;
  readonly allProjects?: boolean;
}

/** The options that pick some of the resources. */
export interface SelectionArguments extends ProjectArguments {
  readonly filter?: string;
  readonly selector?: readonly string[];
}

/** A control plane, and what is meant there. */
export interface Session {
  readonly cli: Cli;
  readonly client: ResourceClient;
  /** The name of the project that is meant, as in `project_id`; empty for all. */
  readonly projectId: string;
}

/** The project of what names none. */
export const firstProject = 'default';

/** Opens a session by the options, the environment and the profile. */
export async function openSession(cli: Cli, options: ProjectArguments): Promise<Session> {
  const profile = await findProfile(options, cli.env);
  const client = new ResourceClient(createTransport(profile, cli.tracing));
  const word = options.allProjects === true ? '' : (options.project ?? profile.project ?? '');
  return { cli, client, projectId: await projectNameOf(client, word) };
}

/** The name of a project that was named by its name or its id. */
async function projectNameOf(client: ResourceClient, word: string): Promise<string> {
  const type = contractTypes.find('project');
  // Whoever works in a project need not be allowed to look at it: its name is not looked up.
  if (!isId(word) || type === undefined) return word;
  return (await client.get(type, word)).name;
}

/** What to list of a type. Throws INVALID_ARGUMENT for a selector that isn't one. */
export function selectionOf(
  { projectId }: Session,
  type: ResourceType,
  { filter = '', selector = [] }: SelectionArguments,
): Selection {
  const terms = [...selector.flatMap(selectorTerms), filter];
  return {
    projectId: type.scope === 'project' ? projectId : '',
    filter: terms.filter((term) => term.trim() !== '').join(' AND '),
  };
}

/** Calls in flight at once. */
const callsMax = 16;

/** What `find` gives for each name, in their order. */
export async function findAll(
  { client }: Session,
  { type, names }: { readonly type: ResourceType; readonly names: readonly string[] },
  selection: Selection,
): Promise<AnyResource[]> {
  const found: AnyResource[] = [];
  for (let from = 0; from < names.length; from += callsMax) {
    const part = names.slice(from, from + callsMax);
    found.push(...(await Promise.all(part.map((name) => client.find(type, name, selection)))));
  }
  return found;
}

/** The names of all resources of some types. */
export async function namesOf({ client }: Session, types: readonly TypeName[]): Promise<NameOf> {
  const names = new Map<string, string>();
  await Promise.all(
    types.map(async (name) => {
      for (const one of await client.list(contractTypes.get(name))) {
        names.set(`${name}/${one.id}`, one.name);
      }
    }),
  );
  return (typeName, id) => names.get(`${typeName}/${id}`);
}
