/**
 * From manifests to what can be sent: checks them against the contract's rules, finds the ids of
 * what they name, and puts what is referred to first. Every mistake is told at once, and before
 * anything is sent.
 */
import { Code, ConnectError } from '@connectrpc/connect';
import { createValidate } from '../api/validation.js';
import { LimiError } from '../resource/error.js';
import type { AnyResource } from '../resource/resource.js';
import { contractTypes, type ResourceType } from '../resource/type-registry.js';
import { type Manifest, type Mistake, mistaken, parsePath } from './documents.js';
import { nameSlots, type ReferenceSlot } from './reference-slots.js';
import { firstProject, type Session } from './session.js';
import { violationsOf } from './tell-error.js';
import { fillFileFacts } from './upload-files.js';

/** A manifest that can be sent, when what it refers to in the same files was. */
export interface Prepared {
  readonly manifest: Manifest;
  readonly type: ResourceType;
  readonly resource: AnyResource;
  /** For people: `vm/web`. */
  readonly title: string;
  /** What it refers to that is in the same files. */
  readonly waitsFor: readonly { readonly on: string; readonly set: (id: string) => void }[];
  /** Names it among the prepared. */
  readonly key: string;
}

/** Prepares manifests, in an order in which they can be sent. Throws INVALID_ARGUMENT. */
export async function prepare(
  session: Session,
  manifests: readonly Manifest[],
): Promise<Prepared[]> {
  const work = new Preparation(session, manifests);
  const prepared: Prepared[] = [];
  for (const manifest of manifests) prepared.push(await work.prepare(manifest));
  if (work.mistakes.length > 0) throw mistaken(work.mistakes);
  return inOrder(prepared);
}

/** Writes the ids of what was sent before; `idOf` knows them by their keys. */
export function fillReferences(one: Prepared, idOf: ReadonlyMap<string, string>): void {
  for (const { on, set } of one.waitsFor) {
    const id = idOf.get(on);
    if (id !== undefined) set(id);
  }
}

/** An error of sending one, with the lines that are at fault. */
export function errorAt({ manifest, title }: Prepared, error: unknown): unknown {
  if (!(error instanceof ConnectError)) return error;
  const violations = violationsOf(error);
  const place = manifest.placeOf([]);
  if (error.code === Code.Aborted) {
    return new LimiError({
      code: error.code,
      reason: 'ETAG_STALE',
      message: `${title} was changed since ${place} was written, and its etag says so; nothing was changed. "limiquantix diff -f" shows what is different; without the line "etag:" the file is applied over it`,
    });
  }
  if (violations.length === 0) {
    return new LimiError({
      code: error.code,
      reason: 'REFUSED',
      message: `${place}: ${title}: ${error.rawMessage}`,
    });
  }
  return new LimiError({
    code: error.code,
    reason: 'REFUSED',
    message: `${title} was refused`,
    violations: violations.map(({ path, message }) => ({
      path: manifest.placeOf(parsePath(path)),
      message: `${path} ${message}`,
    })),
  });
}

/** What stands for an id that isn't known yet while the rules are checked. */
const someId = '00000000-0000-4000-8000-000000000000';

class Preparation {
  readonly mistakes: Mistake[] = [];
  readonly #session: Session;
  readonly #inFiles = new Set<string>();
  readonly #known = new Map<string, Promise<string | undefined>>();
  readonly #validate = createValidate();

  constructor(session: Session, manifests: readonly Manifest[]) {
    this.#session = session;
    for (const manifest of manifests) {
      const key = this.#keyOf(manifest);
      if (this.#inFiles.has(key)) {
        this.#mistake(manifest, 'name', 'names a resource that is in the input twice');
      }
      this.#inFiles.add(key);
    }
  }

  async prepare(manifest: Manifest): Promise<Prepared> {
    const { type, resource } = manifest;
    const key = this.#keyOf(manifest);
    const title = `${type.type}/${resource.name}`;
    const waitsFor: { on: string; set: (id: string) => void }[] = [];
    if (type.methods.write === undefined) {
      this.#mistake(manifest, 'type', `is ${type.type}, which only LimiQuantix makes and changes`);
      return { manifest, type, resource, title, waitsFor, key };
    }
    const project = this.#projectOf(manifest);
    if (project !== '') resource.projectId = project;
    const ofProject = keyText('project', '', project);
    if (this.#inFiles.has(ofProject)) waitsFor.push({ on: ofProject, set: () => undefined });
    for (const slot of nameSlots(type, resource)) {
      const within = contractTypes.get(slot.target).scope === 'project' ? project : '';
      const on = keyText(slot.target, within, slot.name);
      if (this.#inFiles.has(on) && on !== key) {
        waitsFor.push({ on, set: slot.set });
        slot.set(someId);
        continue;
      }
      const id = await this.#find(slot, within);
      if (id !== undefined) slot.set(id);
      else {
        const where = within === '' ? '' : ` in project ${within}`;
        const what = `there is no ${slot.target} named "${slot.name}"${where}, nor in the input`;
        this.#mistake(manifest, slot.path, `refers to nothing: ${what}`);
        slot.set(someId);
      }
    }
    for (const { path, message } of await fillFileFacts(type, resource)) {
      this.#mistake(manifest, path, message);
    }
    this.#checkRules(manifest);
    return { manifest, type, resource, title, waitsFor, key };
  }

  #find({ target, name }: ReferenceSlot, within: string): Promise<string | undefined> {
    const key = keyText(target, within, name);
    let found = this.#known.get(key);
    if (found === undefined) {
      found = this.#lookUp(target, name, within);
      this.#known.set(key, found);
    }
    return found;
  }

  async #lookUp(target: string, name: string, within: string): Promise<string | undefined> {
    const { client } = this.#session;
    try {
      return (await client.find(contractTypes.get(target), name, { projectId: within })).id;
    } catch (error) {
      if (error instanceof LimiError && error.code === Code.NotFound) return undefined;
      throw error;
    }
  }

  #checkRules(manifest: Manifest): void {
    try {
      this.#validate(manifest.type.message, manifest.resource);
    } catch (error) {
      if (!(error instanceof LimiError)) throw error;
      for (const { path, message } of error.violations) this.#mistake(manifest, path, message);
    }
  }

  #projectOf({ type, resource }: Manifest): string {
    if (type.scope === 'installation') return '';
    return resource.projectId || this.#session.projectId || firstProject;
  }

  #keyOf(manifest: Manifest): string {
    return keyText(manifest.type.type, this.#projectOf(manifest), manifest.resource.name);
  }

  #mistake(manifest: Manifest, path: string, message: string): void {
    this.mistakes.push({ place: manifest.placeOf(parsePath(path)), path, message });
  }
}

const keyText = (type: string, project: string, name: string): string =>
  `${type}/${project}/${name}`;

/** What is referred to before what refers to it; otherwise the order of the files. */
function inOrder(prepared: readonly Prepared[]): Prepared[] {
  const byKey = new Map(prepared.map((one) => [one.key, one]));
  const done = new Set<Prepared>();
  const visiting = new Set<Prepared>();
  const visit = (one: Prepared): void => {
    if (done.has(one)) return;
    if (visiting.has(one)) {
      const place = one.manifest.placeOf([]);
      const message = `${one.title} refers to itself through others; none can be made first`;
      throw mistaken([{ place, path: '', message }]);
    }
    visiting.add(one);
    for (const { on } of one.waitsFor) {
      const other = byKey.get(on);
      if (other !== undefined) visit(other);
    }
    visiting.delete(one);
    done.add(one);
  };
  for (const one of prepared) visit(one);
  return [...done];
}
