/**
 * The methods of the contract that Terraform makes something of beside resources, found by their
 * annotations, and the objects that stand for their requests and responses.
 */
import { type DescMethod, getOption, hasOption } from '@bufbuild/protobuf';
import { contractFiles } from '@limiquantix/proto/registry.js';
import {
  type MethodBehavior,
  method as methodOption,
} from '@limiquantix/proto/resource/v1/options_pb.js';
import { messageAttributes } from './message-shape.js';
import { isTextRequired } from './rules.js';
import type { Attribute } from './shape.js';

/** A method with what the contract says of it. */
export interface ContractMethod {
  readonly method: DescMethod;
  readonly behavior: MethodBehavior;
}

/** All annotated methods of the contract. */
export function contractMethods(): ContractMethod[] {
  return contractFiles.flatMap(({ services }) =>
    services.flatMap(({ methods }) =>
      methods
        .filter((method) => hasOption(method, methodOption))
        .map((method) => ({ method, behavior: getOption(method, methodOption) })),
    ),
  );
}

/** Fields of a request that the provider itself sets. */
const ownFields = new Set(['request_id', 'validate_only', 'plan_id', 'etag']);

/** The attributes for what a user gives in a request. Throws for a secret: none is kept apart. */
export function requestAttributes({ input }: DescMethod): Attribute[] {
  return messageAttributes(input, 'intent')
    .filter(({ name }) => !ownFields.has(name))
    .map((attribute): Attribute => {
      const { field, role, mode } = attribute;
      if (role !== 'field') throw new Error(`${field?.toString()}: a secret can't be an argument`);
      const isNeeded = field !== undefined && mode === 'optional' && isTextRequired(field);
      return isNeeded ? { ...attribute, mode: 'required' } : attribute;
    });
}

/** The attributes for what a response tells; secrets among them are sensitive. */
export function responseAttributes({ output }: DescMethod): Attribute[] {
  return messageAttributes(output, 'answer');
}
