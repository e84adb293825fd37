/**
 * Files of resources: YAML or JSON, several documents in one, each with its `type`; read so that
 * what is wrong in one can be told with its file and line. Sends nothing.
 */
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { Code } from '@connectrpc/connect';
import {
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  type ParsedNode,
  visit,
} from 'yaml';
import { LimiError } from '../resource/error.js';
import type { AnyResource } from '../resource/resource.js';
import type { ResourceType } from '../resource/type-registry.js';
import type { Cli } from './cli.js';
import { findType } from './words/find-type.js';
import { type DocumentPath, fromDocument } from './words/from-document.js';
import { NestingError, parseYaml } from './yaml-documents.js';

/** One resource of a file. */
export interface Manifest {
  readonly type: ResourceType;
  /** As the file says it; references may still be names. */
  readonly resource: AnyResource;
  /** What output printed along: the id and the etag that it was based on; empty where not given. */
  readonly given: { readonly id: string; readonly etag: string };
  /** Where a field of it is, such as `web.yaml:12`; for one that isn't there, what is above it. */
  readonly placeOf: (path: DocumentPath) => string;
}

/** A mistake in a file. */
export interface Mistake {
  /** Such as `web.yaml:12`. */
  readonly place: string;
  /** The field's path; empty for the document. */
  readonly path: string;
  readonly message: string;
}

/** Documents in one command. */
const documentsMax = 10_000;

/**
 * Reads files, folders (their .yaml, .yml and .json files) and `-` for standard input. Throws
 * INVALID_ARGUMENT with every mistake.
 */
export async function readManifests(cli: Cli, paths: readonly string[]): Promise<Manifest[]> {
  const mistakes: Mistake[] = [];
  const manifests: Manifest[] = [];
  for (const path of (await Promise.all(paths.map(filesAt))).flat()) {
    const name = path === '-' ? 'stdin' : path;
    const text = path === '-' ? await cli.readStdin() : await readText(path);
    manifests.push(...readAll(name, text, mistakes));
  }
  if (mistakes.length > 0) throw mistaken(mistakes);
  if (manifests.length === 0) {
    const where = paths.map((path) => (path === '-' ? 'standard input' : path)).join(', ');
    throw invalid(`there is no document in ${where}; write one with type, name and spec`);
  }
  if (manifests.length > documentsMax) {
    throw invalid(`there are ${manifests.length} documents; give ${documentsMax} at most at once`);
  }
  return manifests;
}

/** The documents of one text. Throws INVALID_ARGUMENT with every mistake. */
export function parseManifests(name: string, text: string): Manifest[] {
  const mistakes: Mistake[] = [];
  const manifests = readAll(name, text, mistakes);
  if (mistakes.length > 0) throw mistaken(mistakes);
  return manifests;
}

/** INVALID_ARGUMENT that lists mistakes. */
export function mistaken(mistakes: readonly Mistake[]): LimiError {
  const count = mistakes.length === 1 ? 'a mistake' : `${mistakes.length} mistakes`;
  return new LimiError({
    code: Code.InvalidArgument,
    reason: 'INVALID_FILE',
    message: `${count} in the input; nothing was sent`,
    violations: mistakes.map(({ place, path, message }) => ({
      path: place,
      message: path === '' ? message : `${path} ${message}`,
    })),
  });
}

/** A path as the API writes it: `spec.disks["root"].volume`, `spec.node_ids[0]`. */
export function pathText(type: ResourceType | undefined, path: DocumentPath): string {
  let text = '';
  let desc = type?.message;
  let isKey = false;
  for (const step of path) {
    if (typeof step === 'number') {
      text += `[${step}]`;
      continue;
    }
    if (isKey) {
      text += `[${JSON.stringify(step)}]`;
      isKey = false;
      continue;
    }
    const field = desc?.fields.find(({ name }) => name === step);
    text += text === '' ? step : `.${step}`;
    isKey = field?.fieldKind === 'map';
    desc = field?.message;
  }
  return text;
}

/** The steps of a path that the API wrote. */
export function parsePath(text: string): DocumentPath {
  const steps: (string | number)[] = [];
  for (const [, name, index, key] of text.matchAll(
    /([^.[\]]+)|\[(\d+)\]|\[("(?:[^"\\]|\\.)*")\]/g,
  )) {
    if (name !== undefined) steps.push(name);
    else if (index !== undefined) steps.push(Number(index));
    else if (key !== undefined) steps.push(JSON.parse(key) as string);
  }
  return steps;
}

async function filesAt(path: string): Promise<string[]> {
  if (path === '-') return [path];
  const found = await stat(path).catch((error: NodeJS.ErrnoException) => {
    throw unreadable(path, error);
  });
  if (!found.isDirectory()) return [path];
  const names = (await readdir(path)).filter((name) => /\.(ya?ml|json)$/.test(name)).sort();
  if (names.length === 0) throw invalid(`there is no .yaml, .yml or .json file in ${path}`);
  return names.map((name) => join(path, name));
}

async function readText(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    throw unreadable(path, error as NodeJS.ErrnoException);
  }
}

function unreadable(path: string, { code, message }: NodeJS.ErrnoException): LimiError {
  const why = code === 'ENOENT' ? 'there is no such file' : message;
  return invalid(`can't read ${path}: ${why}`);
}

function readAll(file: string, text: string, mistakes: Mistake[]): Manifest[] {
  const lineCounter = new LineCounter();
  let documents: Document.Parsed[];
  try {
    documents = parseYaml(text, lineCounter);
  } catch (error) {
    if (!(error instanceof NestingError)) throw error;
    const place = `${file}:${lineAt(lineCounter, error.offset)}`;
    mistakes.push({ place, path: '', message: error.message });
    return [];
  }
  const lineOf = (node: Node | null | undefined) => lineAt(lineCounter, node?.range?.[0] ?? 0);
  return documents.flatMap((document) => {
    // What follows the first mistake of a text is mostly its consequence.
    for (const { pos, message } of document.errors.slice(0, 1)) {
      const place = `${file}:${lineAt(lineCounter, pos[0])}`;
      mistakes.push({ place, path: '', message: lowerFirst(message.replace(/\.$/, '')) });
    }
    if (document.errors.length > 0) return [];
    const contents: ParsedNode | null = document.contents;
    if (contents === null || (isScalar(contents) && contents.value === null)) return [];
    // A list of documents, as `get -o json` prints it.
    const nodes = isSeq(contents) ? (contents.items as ParsedNode[]) : [contents];
    return nodes.flatMap((node) => readNode({ file, document, node, lineOf }, mistakes));
  });
}

interface At {
  readonly file: string;
  readonly document: Document.Parsed;
  readonly node: ParsedNode;
  readonly lineOf: (node: Node | null | undefined) => number;
}

function readNode(at: At, mistakes: Mistake[]): Manifest[] {
  const { file, node, lineOf } = at;
  const placeOf = (path: DocumentPath) => `${file}:${lineOf(nodeAt(node, path))}`;
  const content = contentOf(at, mistakes);
  if (content === undefined) return [];
  if (!isMap(node) || typeof content !== 'object' || content === null) {
    const message = 'must be a document with type, name and spec';
    mistakes.push({ place: placeOf([]), path: '', message });
    return [];
  }
  const { type: word, ...rest } = content as Record<string, unknown>;
  let type: ResourceType;
  try {
    type = typeOf(word);
  } catch (error) {
    if (!(error instanceof LimiError)) throw error;
    mistakes.push({ place: placeOf(['type']), path: '', message: error.message });
    return [];
  }
  const { resource, issues } = fromDocument(type, rest);
  for (const { path, message } of issues) {
    mistakes.push({ place: placeOf(path), path: pathText(type, path), message });
  }
  const text = (name: string): string => {
    const value = rest[name];
    return typeof value === 'string' ? value : '';
  };
  return [{ type, resource, given: { id: text('id'), etag: text('etag') }, placeOf }];
}

/** What a document says; undefined, with the mistake, where its aliases don't. */
function contentOf({ file, document, node, lineOf }: At, mistakes: Mistake[]): unknown {
  try {
    return node.toJS(document) ?? null;
  } catch (error) {
    // The parser's own errors: an alias of nothing, or aliases of aliases without end.
    if (!(error instanceof ReferenceError)) throw error;
    const wrong = aliasOfNothing(document) ?? node;
    const place = `${file}:${lineOf(wrong)}`;
    mistakes.push({ place, path: '', message: lowerFirst(error.message) });
    return undefined;
  }
}

/** The first alias before which nothing has its anchor. */
function aliasOfNothing(document: Document.Parsed): Node | undefined {
  const anchors = new Set<string>();
  let found: Node | undefined;
  visit(document, {
    Node(_, node) {
      if (!isAlias(node)) {
        if (node.anchor !== undefined) anchors.add(node.anchor);
        return undefined;
      }
      if (anchors.has(node.source)) return undefined;
      found = node;
      return visit.BREAK;
    },
  });
  return found;
}

function typeOf(word: unknown): ResourceType {
  if (typeof word === 'string') return findType(word);
  throw invalid('type is missing; a document says what it is, such as type: vm');
}

/** The key of the field at a path, or else what is nearest above it. */
function nodeAt(root: ParsedNode, path: DocumentPath): Node | undefined {
  let node: Node | undefined = root;
  let place: Node | undefined = root;
  for (const step of path) {
    if (isSeq(node) && typeof step === 'number') {
      node = node.items[step] as Node | undefined;
      place = node ?? place;
    } else if (isMap(node)) {
      const pair = node.items.find(
        ({ key }) => isScalar(key) && String(key.value) === String(step),
      );
      if (pair === undefined) return place;
      place = pair.key as Node;
      node = (pair.value ?? undefined) as Node | undefined;
    } else return place;
  }
  return place;
}

const lineAt = (counter: LineCounter, offset: number): number => counter.linePos(offset).line;

const lowerFirst = (text: string): string => text.charAt(0).toLowerCase() + text.slice(1);

const invalid = (message: string): LimiError =>
  new LimiError({ code: Code.InvalidArgument, reason: 'INVALID_FILE', message });
