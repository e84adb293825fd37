/**
 * From shapes to the messages of Terraform's protocol: everything that GetProviderSchema answers.
 * It runs when the provider is built; the built provider serves the bytes.
 */
import { create, type DescMethod, type MessageInitShape } from '@bufbuild/protobuf';
import { comments as contractComments } from '@limiquantix/proto/comments.js';
import {
  type GetProviderSchemaResponse,
  GetProviderSchemaResponseSchema,
  Schema_Object_NestingMode as NestingMode,
  type Schema_AttributeSchema,
  type SchemaSchema,
  StringKind,
} from '../../gen/tfplugin6_pb.js';
import { typeJson } from '../value/type.js';
import { actionShapes } from './action-shape.js';
import { resourceShapes } from './all-shapes.js';
import { dataSourceShapes } from './data-source-shape.js';
import { type Comments, describeAttribute } from './describe.js';
import { ephemeralShapes } from './ephemeral-shape.js';
import { functionSchemas } from './function-schema.js';
import { listShape } from './list-shape.js';
import { providerArguments, providerDescription } from './provider-shape.js';
import { serverCapabilities } from './server-capabilities.js';
import { type Attribute, attributeType, type Collection, type ObjectShape } from './shape.js';

type SchemaInit = MessageInitShape<typeof SchemaSchema>;
type AttributeInit = MessageInitShape<typeof Schema_AttributeSchema>;

/** The answer to GetProviderSchema. Throws if the contract has what Terraform can't express. */
export function providerSchema(): GetProviderSchemaResponse {
  const resourceSchemas: Record<string, SchemaInit> = {};
  const dataSourceSchemas: Record<string, SchemaInit> = {};
  const listResourceSchemas: Record<string, SchemaInit> = {};
  for (const [typeName, shapeOf] of [...resourceShapes()].sort()) {
    const shape = shapeOf();
    const about = contractComments[shape.message.typeName] ?? '';
    resourceSchemas[typeName] = blockSchema(shape.object, about, shape.schemaVersion);
    listResourceSchemas[typeName] = blockSchema(listShape(shape), `Finds them. ${about}`);
    for (const source of dataSourceShapes(shape)) {
      const verb = source.kind === 'one' ? 'Reads one by its id or name. ' : 'Lists them. ';
      dataSourceSchemas[source.typeName] = blockSchema(source.object, verb + about);
    }
  }
  const ephemeralResourceSchemas: Record<string, SchemaInit> = {};
  for (const [typeName, shapeOf] of [...ephemeralShapes()].sort()) {
    const { object, open } = shapeOf();
    ephemeralResourceSchemas[typeName] = blockSchema(object, methodComment(open));
  }
  const actionSchemas: Record<string, { schema: SchemaInit }> = {};
  for (const [typeName, shapeOf] of [...actionShapes()].sort()) {
    const { request, method } = shapeOf();
    actionSchemas[typeName] = { schema: blockSchema(request, methodComment(method)) };
  }
  return create(GetProviderSchemaResponseSchema, {
    provider: configSchema(),
    resourceSchemas,
    dataSourceSchemas,
    ephemeralResourceSchemas,
    listResourceSchemas,
    actionSchemas,
    functions: functionSchemas(),
    serverCapabilities,
  });
}

/** What the contract says of a method. */
export const methodComment = ({ parent, name }: DescMethod): string =>
  contractComments[`${parent.typeName}.${name}`] ?? '';

const utf8 = new TextEncoder();

function configSchema(): SchemaInit {
  const attributes = providerArguments.map(
    ({ name, sensitive, description }): AttributeInit => ({
      name,
      type: utf8.encode('"string"'),
      description,
      descriptionKind: StringKind.MARKDOWN,
      optional: true,
      sensitive,
    }),
  );
  return {
    version: 0n,
    block: {
      attributes,
      description: providerDescription,
      descriptionKind: StringKind.MARKDOWN,
    },
  };
}

function blockSchema(shape: ObjectShape, description: string, version = 0): SchemaInit {
  return {
    version: BigInt(version),
    block: {
      attributes: shape.attributes.map((attribute) => encodeAttribute(attribute, contractComments)),
      description,
      descriptionKind: StringKind.MARKDOWN,
    },
  };
}

function encodeAttribute(attribute: Attribute, comments: Comments): AttributeInit {
  const { name, mode, role, element, collection } = attribute;
  const base: AttributeInit = {
    name,
    description: describeAttribute(attribute, comments),
    descriptionKind: StringKind.MARKDOWN,
    required: mode === 'required',
    optional: mode === 'optional' || mode === 'optional_computed',
    computed: mode === 'computed' || mode === 'optional_computed',
    sensitive: role === 'secret' || role === 'sensitive',
    writeOnly: role === 'secret',
  };
  if (typeof element === 'string') {
    return { ...base, type: utf8.encode(typeJson(attributeType(attribute))) };
  }
  return {
    ...base,
    nestedType: {
      nesting: nestingModes[collection],
      attributes: element.attributes.map((inner) => encodeAttribute(inner, comments)),
    },
  };
}

const nestingModes: Readonly<Record<Collection, NestingMode>> = {
  one: NestingMode.SINGLE,
  list: NestingMode.LIST,
  set: NestingMode.SET,
  map: NestingMode.MAP,
};
