/**
 * Lays one message over another: what is set above comes before what is set below. Pure, over
 * descriptors; neither message is changed.
 */
import { clone, type DescField, type DescMessage, type MessageShape } from '@bufbuild/protobuf';
import { isPlainValue, mapEntries, readField, writeField } from './field-access.js';

/**
 * A new message: `above` over `below`. Messages are put together field by field and maps entry by
 * entry; a list, or another choice of a oneof, takes the place of the one below.
 */
export function overlay<Desc extends DescMessage>(
  desc: Desc,
  below: MessageShape<Desc>,
  above: MessageShape<Desc>,
): MessageShape<Desc> {
  const laid = clone(desc, below);
  for (const field of desc.fields) {
    const value = readField(above, field);
    if (value !== undefined)
      writeField(laid, field, layField(field, readField(laid, field), value));
  }
  return laid;
}

type Shape = MessageShape<DescMessage>;

function layField(field: DescField, below: unknown, above: unknown): unknown {
  if (below === undefined || (field.message !== undefined && isPlainValue(field.message))) {
    return above;
  }
  if (field.fieldKind === 'message') return overlay(field.message, below as Shape, above as Shape);
  if (field.fieldKind !== 'map') return above;
  const laid = new Map(mapEntries(below));
  for (const [key, value] of mapEntries(above)) {
    const under = laid.get(key);
    const isPair = field.mapKind === 'message' && under !== undefined;
    laid.set(key, isPair ? overlay(field.message, under as Shape, value as Shape) : value);
  }
  return Object.fromEntries(laid);
}
