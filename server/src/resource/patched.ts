/** A message with some of its fields changed, the original untouched. Pure. */
import { create, type DescMessage, type MessageShape } from '@bufbuild/protobuf';

/** A new message: the fields of `message`, or the schema's defaults, with those of `fields` over them. */
export function patched<Desc extends DescMessage>(
  schema: Desc,
  message: MessageShape<Desc> | undefined,
  fields: Partial<MessageShape<Desc>>,
): MessageShape<Desc> {
  return Object.assign(create(schema), message, fields);
}
