/** Every text in a message, with its path: read or replaced. Pure, over descriptors. */
import {
  clone,
  type DescField,
  type DescMessage,
  type MessageShape,
  ScalarType,
} from '@bufbuild/protobuf';
import {
  entryPath,
  fieldPath,
  isPlainValue,
  mapEntries,
  readField,
  writeField,
} from './field-access.js';

/** What takes the place of a text. */
export type ReplaceText = (text: string, path: string) => string;

/** A new message with its texts replaced; keys of maps stay as they are. */
export function replaceTexts<Desc extends DescMessage>(
  desc: Desc,
  message: MessageShape<Desc>,
  { path, replace }: { readonly path: string; readonly replace: ReplaceText },
): MessageShape<Desc> {
  const copy = clone(desc, message);
  replaceIn(desc, copy, { path, replace });
  return copy;
}

interface Replacing {
  readonly path: string;
  readonly replace: ReplaceText;
}

function replaceIn(
  desc: DescMessage,
  message: MessageShape<DescMessage>,
  { path, replace }: Replacing,
): void {
  for (const field of desc.fields) {
    const value = readField(message, field);
    if (value === undefined) continue;
    const next = replaced(field, value, { path: fieldPath(path, field), replace });
    if (next !== value) writeField(message, field, next);
  }
}

/** The new value of a field; messages in it are changed where they are. */
function replaced(field: DescField, value: unknown, replacing: Replacing): unknown {
  const { path, replace } = replacing;
  if (field.fieldKind === 'list') {
    return (value as unknown[]).map((item, i) => {
      return replacedOne(field, item, { path: `${path}[${i}]`, replace });
    });
  }
  if (field.fieldKind !== 'map') return replacedOne(field, value, replacing);
  const entries = mapEntries(value).map(([key, entry]) => {
    return [key, replacedOne(field, entry, { path: entryPath(path, key), replace })];
  });
  return Object.fromEntries(entries);
}

function replacedOne(field: DescField, value: unknown, replacing: Replacing): unknown {
  if (field.scalar === ScalarType.STRING) return replacing.replace(String(value), replacing.path);
  if (field.message === undefined || isPlainValue(field.message)) return value;
  replaceIn(field.message, value as MessageShape<DescMessage>, replacing);
  return value;
}
