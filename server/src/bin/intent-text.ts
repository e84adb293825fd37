/**
 * A resource's intent as text, for editing and comparing: what its user wrote and nothing of what
 * LimiQuantix adds. Pure.
 */
import { clone, type Message } from '@bufbuild/protobuf';
import type { FieldChange } from '../resource/changes.js';
import type { AnyResource } from '../resource/resource.js';
import { withoutOutputOnly, withoutSecrets } from '../resource/strip.js';
import type { ResourceType } from '../resource/type-registry.js';
import { parsePath } from './documents.js';
import { type Document, type Plain, toDocument } from './words/to-document.js';
import { costText } from './write-steps.js';

/** The document of what its user wrote, secrets left out. */
export function intentDocument(type: ResourceType, resource: AnyResource): Document {
  const copy = clone(type.message, resource as Message) as AnyResource;
  return toDocument(type, withoutSecrets(type, withoutOutputOnly(type, copy)));
}

/** A change of a resource. */
export interface IntentChange {
  readonly before: AnyResource;
  readonly after: AnyResource;
  readonly changes: readonly FieldChange[];
}

/** A line for each changed field: its value before and after, and what the change costs. */
export function changeLines(type: ResourceType, change: IntentChange): string[] {
  const before = intentDocument(type, change.before);
  const after = intentDocument(type, change.after);
  return change.changes.map(({ path, disruption }) => {
    const [from, to] = [before, after].map((document) => shortText(document, path));
    const cost = costText(disruption);
    return `${path} ${from} → ${to}${cost === '' ? '' : `: ${cost}`}`;
  });
}

/** Longer values say less than their field's name. */
const shownMax = 60;

function shortText(document: Document, path: string): string {
  let value: Plain | undefined = document;
  for (const step of parsePath(path)) {
    if (typeof value !== 'object') return '(none)';
    value = (value as Record<string | number, Plain | undefined>)[step];
  }
  if (value === undefined) return '(none)';
  const exact = (_: string, item: unknown) => (typeof item === 'bigint' ? String(item) : item);
  const text = typeof value === 'object' ? JSON.stringify(value, exact) : String(value);
  return text.length > shownMax ? '(…)' : text;
}
