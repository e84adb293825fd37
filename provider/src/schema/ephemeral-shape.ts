/**
 * The shapes of ephemeral resources: a method that gives something which must not be stored, its
 * arguments and what it answers as one object, and the methods that renew it and make it useless.
 */
import type { DescMethod } from '@bufbuild/protobuf';
import { contractMethods, requestAttributes, responseAttributes } from './contract-methods.js';
import { typePrefix } from './resource-shape.js';
import { type Attribute, type ObjectShape, objectShape } from './shape.js';

/** An ephemeral resource. */
export interface EphemeralShape {
  /** Such as `limiquantix_api_token`. */
  readonly typeName: string;
  readonly open: DescMethod;
  readonly renew: DescMethod | undefined;
  readonly close: DescMethod | undefined;
  /** The arguments. */
  readonly request: ObjectShape;
  /** What the method answers. */
  readonly response: ObjectShape;
  /** Both: what Terraform sees. */
  readonly object: ObjectShape;
}

/** All ephemeral resources, by Terraform's name; shapes are made when they are first asked for. */
export function ephemeralShapes(): ReadonlyMap<string, () => EphemeralShape> {
  const methods = contractMethods();
  const named = methods.filter(({ behavior }) => behavior.ephemeral !== '');
  return new Map(
    named.map(({ method: open, behavior: { ephemeral } }) => {
      const renew = methods.find(({ behavior }) => behavior.ephemeralRenew === ephemeral)?.method;
      const close = methods.find(({ behavior }) => behavior.ephemeralClose === ephemeral)?.method;
      let shape: EphemeralShape | undefined;
      const shapeOf = (): EphemeralShape => {
        shape ??= ephemeralShape(typePrefix + ephemeral, { open, renew, close });
        return shape;
      };
      return [typePrefix + ephemeral, shapeOf];
    }),
  );
}

function ephemeralShape(
  typeName: string,
  methods: Pick<EphemeralShape, 'open' | 'renew' | 'close'>,
): EphemeralShape {
  const { open, renew, close } = methods;
  const request = objectShape(open.input, requestAttributes(open));
  const response = objectShape(open.output, responseAttributes(open));
  for (const later of [renew, close]) {
    for (const { name } of later?.input.fields ?? []) {
      if (request.byName.has(name) || response.byName.has(name)) continue;
      throw new Error(`${later?.name}: ${open.name} gives no ${name} to call it with`);
    }
  }
  const asked = request.attributes.map((attribute): Attribute => {
    const answered = response.byName.has(attribute.name) && attribute.mode === 'optional';
    return answered ? { ...attribute, mode: 'optional_computed' } : attribute;
  });
  const told = response.attributes.filter(({ name }) => !request.byName.has(name));
  return {
    typeName,
    ...methods,
    request,
    response,
    object: objectShape(undefined, [...asked, ...told]),
  };
}
