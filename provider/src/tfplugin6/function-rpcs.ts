/**
 * The calls about the provider's functions: they need no configuration and no control plane.
 */
import { ArgumentError } from '../function/function.js';
import { providerFunctions } from '../function/functions.js';
import { functionSchemas } from '../schema/function-schema.js';
import { decodeValue } from '../value/msgpack-decode.js';
import { encodeDynamic } from './dynamic-value.js';
import type { Answer, Ask, Rpcs } from './rpc.js';

/** The calls of this file. */
export type FunctionRpcs = Rpcs<'getFunctions' | 'callFunction'>;

/** Makes the functions. */
export function functionRpcs(): FunctionRpcs {
  return { getFunctions: () => ({ functions: functionSchemas() }), callFunction };
}

function callFunction(request: Ask<'callFunction'>): Answer<'callFunction'> {
  const found = providerFunctions.get(request.name);
  if (found === undefined) {
    return { error: { text: `this provider has no function ${request.name}` } };
  }
  const { parameters, variadic } = found;
  const args = request.arguments.map(({ msgpack }, i) => {
    const type = (parameters[i] ?? variadic)?.type;
    if (type === undefined) throw new Error(`${found.name}: more arguments than parameters`);
    return decodeValue(msgpack, type);
  });
  try {
    return { result: encodeDynamic(found.call(args)) };
  } catch (error) {
    if (!(error instanceof ArgumentError)) throw error;
    return { error: { text: error.message, functionArgument: BigInt(error.position) } };
  }
}
