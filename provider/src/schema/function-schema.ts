/**
 * The signatures of the provider's functions, as Terraform's protocol has them. Apart from the rest
 * of the schema, because it is asked for without it.
 */
import type { MessageInitShape } from '@bufbuild/protobuf';
import { type FunctionSchema, StringKind } from '../../gen/tfplugin6_pb.js';
import type { FunctionParameter, ProviderFunction } from '../function/function.js';
import { providerFunctions } from '../function/functions.js';
import { typeJson } from '../value/type.js';

type FunctionInit = MessageInitShape<typeof FunctionSchema>;

const utf8 = new TextEncoder();

/** The signatures of the provider's functions, by name. */
export function functionSchemas(): Record<string, FunctionInit> {
  return Object.fromEntries([...providerFunctions].map(([name, one]) => [name, signature(one)]));
}

function signature({ summary, description, ...one }: ProviderFunction): FunctionInit {
  const { parameters, variadic, returns } = one;
  return {
    summary,
    description,
    descriptionKind: StringKind.MARKDOWN,
    parameters: parameters.map(encodeParameter),
    ...(variadic === undefined ? {} : { variadicParameter: encodeParameter(variadic) }),
    return: { type: utf8.encode(typeJson(returns)) },
  };
}

function encodeParameter({ name, type, description }: FunctionParameter) {
  return {
    name,
    type: utf8.encode(typeJson(type)),
    description,
    descriptionKind: StringKind.MARKDOWN,
  };
}
