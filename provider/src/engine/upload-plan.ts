/**
 * Uploaded files in a plan: their length and hash are read off the local file, so that the plan
 * shows a changed content before anything is sent.
 */
import type { Attribute, ObjectShape } from '../schema/shape.js';
import type { AttributePath } from '../value/path.js';
import {
  isObject,
  isUnknown,
  type ObjectValue,
  record,
  UNKNOWN,
  type Value,
} from '../value/value.js';
import { type Diagnostic, problem } from './diagnostic.js';
import type { Files } from './files.js';
import type { FileFacts } from './private-state.js';

/** A value whose file facts are filled in. */
export interface UploadPlan {
  readonly value: ObjectValue;
  /** What is now known of the files, to be kept. */
  readonly files: Readonly<Record<string, FileFacts>>;
  readonly diagnostics: readonly Diagnostic[];
}

/** Fills in the facts about the files that a value names. */
export async function planUploads(
  shape: ObjectShape,
  value: ObjectValue,
  files: Files,
  known: Readonly<Record<string, FileFacts>>,
): Promise<UploadPlan> {
  const planner = new UploadPlanner(files, known);
  const filled = await planner.object(shape, value, []);
  return { value: filled, files: planner.found, diagnostics: planner.diagnostics };
}

/** The files that a value names, by the path as it was written. */
export function uploadedFiles(shape: ObjectShape, value: ObjectValue): string[] {
  return shape.attributes.flatMap((attribute): string[] => {
    const inner = value[attribute.name];
    if (attribute.behavior.upload !== undefined) return typeof inner === 'string' ? [inner] : [];
    if (typeof attribute.element === 'string' || !isObject(inner)) return [];
    return attribute.collection === 'one' ? uploadedFiles(attribute.element, inner) : [];
  });
}

class UploadPlanner {
  readonly found: Record<string, FileFacts> = {};
  readonly diagnostics: Diagnostic[] = [];

  constructor(
    private readonly files: Files,
    private readonly known: Readonly<Record<string, FileFacts>>,
  ) {}

  async object(shape: ObjectShape, value: ObjectValue, path: AttributePath): Promise<ObjectValue> {
    const result = record();
    for (const { name, element, collection } of shape.attributes) {
      const inner = value[name] ?? null;
      const isPlain = typeof element === 'string' || collection !== 'one' || !isObject(inner);
      result[name] = isPlain
        ? inner
        : await this.object(element, inner, [...path, { attribute: name }]);
    }
    for (const attribute of shape.attributes) {
      if (attribute.behavior.upload !== undefined) await this.file(shape, attribute, result, path);
    }
    return result;
  }

  private async file(
    shape: ObjectShape,
    { name }: Attribute,
    result: Record<string, Value>,
    path: AttributePath,
  ): Promise<void> {
    const file = result[name];
    const facts = shape.attributes.filter(({ factOf }) => factOf?.file === name);
    if (typeof file !== 'string') {
      for (const fact of facts) result[fact.name] ??= isUnknown(file) ? UNKNOWN : null;
      return;
    }
    let actual: FileFacts;
    try {
      actual = await this.files.facts(file, this.known[file]);
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      const detail = `the file "${file}" can't be read: ${why}`;
      this.diagnostics.push(
        problem('Cannot read the file to upload', detail, [...path, { attribute: name }]),
      );
      for (const fact of facts) result[fact.name] ??= UNKNOWN;
      return;
    }
    this.found[file] = actual;
    for (const fact of facts) this.fact(fact, file, actual, result, path);
  }

  private fact(
    { name, factOf }: Attribute,
    file: string,
    actual: FileFacts,
    result: Record<string, Value>,
    path: AttributePath,
  ): void {
    const value = factOf?.fact === 'size' ? actual.sizeBytes : actual.sha256;
    const given = result[name] ?? null;
    if (given === null || isUnknown(given)) {
      if (given === null) result[name] = value;
      return;
    }
    if (String(given) === String(value)) return;
    const detail =
      `the file "${file}" has the ${name} ${value}, not ${String(given)} as given: ` +
      'check that it is the right file and complete, or correct the value';
    const where = [...path, { attribute: name }];
    this.diagnostics.push(problem('The file to upload is not the expected one', detail, where));
  }
}
