/**
 * The shape of a Terraform value that stands for a message: its attributes, each with the
 * contract's field behind it and what may be written. Everything the engine does with a resource
 * follows a shape; nothing in the provider knows a resource by name.
 */
import type { DescField, DescMessage } from '@bufbuild/protobuf';
import type { FieldBehavior } from '@limiquantix/proto/resource/v1/options_pb.js';
import type { TerraformType } from '../value/type.js';

/** Who gives an attribute its value. */
export type Mode = 'required' | 'optional' | 'computed' | 'optional_computed';

/** How many elements an attribute holds. */
export type Collection = 'one' | 'list' | 'set' | 'map';

/** What an attribute stands for. */
export type Role =
  /** The field itself. */
  | 'field'
  /** A secret field: write-only, in no state. */
  | 'secret'
  /** A secret that is shown: only in what Terraform doesn't keep. */
  | 'sensitive'
  /** The number whose change sends a secret again. */
  | 'secret_version'
  /** The provider's own: in the state, and never sent. */
  | 'own';

/** The type of an element: a plain one, or an object. */
export type Element = 'string' | 'number' | 'bool' | ObjectShape;

/** One attribute. */
export interface Attribute {
  readonly name: string;
  readonly role: Role;
  readonly mode: Mode;
  readonly collection: Collection;
  readonly element: Element;
  /** The contract's field; absent for the provider's own. */
  readonly field: DescField | undefined;
  /** What the contract says of the field. */
  readonly behavior: FieldBehavior;
  /** For the facts about an uploaded file: the attribute that names it. */
  readonly factOf: { readonly file: string; readonly fact: 'size' | 'sha256' } | undefined;
  /** A sentence or more that the contract's comment doesn't say. */
  readonly note: string;
}

/** An object: the attributes that stand for a message's fields. */
export interface ObjectShape {
  /** The message; absent for the provider's own. */
  readonly message: DescMessage | undefined;
  readonly attributes: readonly Attribute[];
  /** By name. */
  readonly byName: ReadonlyMap<string, Attribute>;
  readonly type: TerraformType;
}

/** Puts attributes together into an object. Throws if two have one name. */
export function objectShape(
  message: DescMessage | undefined,
  attributes: readonly Attribute[],
): ObjectShape {
  const byName = new Map(attributes.map((attribute) => [attribute.name, attribute]));
  if (byName.size !== attributes.length) {
    const names = attributes.map(({ name }) => name);
    const twice = names.find((name, i) => names.indexOf(name) !== i);
    throw new Error(`${message?.typeName}: two attributes would be named ${twice}; rename a field`);
  }
  const types = attributes.map((attribute) => [attribute.name, attributeType(attribute)] as const);
  const type: TerraformType = { kind: 'object', attributes: Object.fromEntries(types) };
  return { message, attributes, byName, type };
}

/** The Terraform type of an attribute's value. */
export function attributeType(attribute: Attribute): TerraformType {
  const element =
    typeof attribute.element === 'string' ? attribute.element : attribute.element.type;
  if (attribute.collection === 'one') return element;
  return { kind: attribute.collection, element };
}

/** The same attributes, all of them computed: what a data source returns. Secrets are left out. */
export function computedShape(shape: ObjectShape): ObjectShape {
  const attributes = shape.attributes
    .filter(({ role }) => role === 'field')
    .map((attribute): Attribute => {
      const element =
        typeof attribute.element === 'string'
          ? attribute.element
          : computedShape(attribute.element);
      return { ...attribute, element, mode: 'computed', note: '' };
    });
  return objectShape(shape.message, attributes);
}
