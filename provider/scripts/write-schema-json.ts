/**
 * Writes `gen/schema.json`: the provider's schema as `terraform providers schema -json` prints it, without a
 * built provider. The constructs are generated from it.
 */
import { writeFileSync } from 'node:fs';
import {
  type Function as FunctionSignature,
  Schema_Object_NestingMode as NestingMode,
  type Function_Parameter as Parameter,
  type Schema,
  type Schema_Attribute,
  StringKind,
} from '../gen/tfplugin6_pb.js';
import { providerSchema } from '../src/schema/encode-schema.js';

const utf8 = new TextDecoder();
const { provider, resourceSchemas, dataSourceSchemas, ephemeralResourceSchemas, functions } =
  providerSchema();
if (provider === undefined) throw new Error('the schema of the provider itself is missing');
const limiquantix = {
  provider: schemaJson(provider),
  resource_schemas: mapValues(resourceSchemas, schemaJson),
  data_source_schemas: mapValues(dataSourceSchemas, schemaJson),
  ephemeral_resource_schemas: mapValues(ephemeralResourceSchemas, schemaJson),
  functions: mapValues(functions, functionJson),
};
const json = {
  format_version: '1.0',
  provider_schemas: { 'limiquantix/limiquantix': limiquantix },
};
writeFileSync(new URL('../gen/schema.json', import.meta.url), JSON.stringify(json, null, 1) + '\n');

function schemaJson({ version, block }: Schema): object {
  const attributes = attributesJson(block?.attributes ?? []);
  return {
    version: Number(version),
    block: { attributes, ...descriptionJson(block?.description ?? '', block?.descriptionKind) },
  };
}

function attributesJson(attributes: readonly Schema_Attribute[]): object {
  return Object.fromEntries(
    attributes.map((attribute) => [attribute.name, attributeJson(attribute)]),
  );
}

function attributeJson(attribute: Schema_Attribute): object {
  const { nestedType, required, optional, computed, sensitive, writeOnly } = attribute;
  const type =
    nestedType === undefined
      ? { type: JSON.parse(utf8.decode(attribute.type)) }
      : {
          nested_type: {
            attributes: attributesJson(nestedType.attributes),
            nesting_mode: NestingMode[nestedType.nesting].toLowerCase(),
          },
        };
  const flags = { required, optional, computed, sensitive, write_only: writeOnly };
  return {
    ...type,
    ...descriptionJson(attribute.description, attribute.descriptionKind),
    ...Object.fromEntries(Object.entries(flags).filter(([, value]) => value)),
  };
}

function descriptionJson(description: string, kind: StringKind | undefined): object {
  const markdown = kind === StringKind.MARKDOWN;
  return { description, description_kind: markdown ? 'markdown' : 'plain' };
}

function functionJson(signature: FunctionSignature): object {
  const { description, summary, parameters, variadicParameter } = signature;
  return {
    description,
    summary,
    return_type: typeOf(signature.return?.type),
    parameters: parameters.map(parameterJson),
    ...(variadicParameter === undefined
      ? {}
      : { variadic_parameter: parameterJson(variadicParameter) }),
  };
}

function parameterJson({ name, description, type }: Parameter): object {
  return { name, description, type: typeOf(type) };
}

function typeOf(json: Uint8Array | undefined): unknown {
  return JSON.parse(utf8.decode(json));
}

function mapValues<T>(map: { readonly [key: string]: T }, to: (value: T) => object): object {
  return Object.fromEntries(Object.entries(map).map(([key, value]) => [key, to(value)]));
}
