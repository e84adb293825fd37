/**
 * The description of an attribute: the contract's comment, and what its annotations mean for a user
 * of Terraform.
 */
import { Disruption } from '@limiquantix/proto/resource/v1/options_pb.js';
import { enumWords } from './enum-words.js';
import type { Attribute } from './shape.js';

/** The comments of the contract by full name, as the contract's generated table has them. */
export type Comments = Readonly<Record<string, string>>;

/** What an attribute is, in Markdown. */
export function describeAttribute(attribute: Attribute, comments: Comments): string {
  const { field, behavior, note, role, mode } = attribute;
  if (field === undefined || role === 'secret_version') return note;
  const parts = [
    comments[`${field.parent.typeName}.${field.name}`] ?? '',
    enumValues(attribute, comments),
  ];
  if (behavior.unit !== '') parts.push(`Unit: ${behavior.unit}.`);
  if (mode !== 'computed') {
    if (behavior.default !== '') parts.push(`Default: \`${plainDefault(behavior.default)}\`.`);
    if (behavior.immutable) parts.push('Immutable: changing it replaces the resource.');
    else parts.push(disruptionNote(behavior.disruption));
    parts.push(oneofNote(attribute));
  }
  parts.push(note);
  return parts.filter((part) => part !== '').join(' ');
}

function enumValues(attribute: Attribute, comments: Comments): string {
  const desc = attribute.field?.enum;
  if (desc === undefined) return '';
  const values = enumWords(attribute).map(({ word, value }) => {
    const comment = comments[`${desc.typeName}.${value.name}`] ?? '';
    return `\`${word}\` (${comment.replace(/\.$/, '')})`;
  });
  return `One of ${values.join(', ')}.`;
}

function plainDefault(json: string): string {
  return json.startsWith('"') ? json.slice(1, -1) : json;
}

function disruptionNote(disruption: Disruption): string {
  switch (disruption) {
    case Disruption.NEXT_BOOT:
      return 'Changing it takes effect at the next boot.';
    case Disruption.RESTART:
      return 'Changing it restarts the workload.';
    case Disruption.MIGRATE:
      return 'Changing it may move the workload to another node.';
    case Disruption.REPLACE:
      return 'Changing it replaces the resource.';
    default:
      return '';
  }
}

function oneofNote({ field }: Attribute): string {
  if (field?.oneof === undefined || field.oneof.fields.length < 2) return '';
  const others = field.oneof.fields
    .filter((other) => other !== field)
    .map(({ name }) => `\`${name}\``);
  return `Excludes ${others.join(', ')}.`;
}
