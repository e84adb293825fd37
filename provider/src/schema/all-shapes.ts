/**
 * All resource types of the contract at once: for what is generated and for tests. A process of the
 * provider loads the types that it is asked for, one by one.
 */
import { getOption, hasOption } from '@bufbuild/protobuf';
import { serviceOf } from '@limiquantix/proto/contract.js';
import { contractFiles } from '@limiquantix/proto/registry.js';
import { resource as resourceOption } from '@limiquantix/proto/resource/v1/options_pb.js';
import { type ResourceShape, resourceShape, typePrefix } from './resource-shape.js';

/** All resource types, by Terraform's name; shapes are made when they are first asked for. */
export function resourceShapes(): ReadonlyMap<string, () => ResourceShape> {
  const result = new Map<string, () => ResourceShape>();
  for (const file of contractFiles) {
    for (const message of file.messages) {
      if (!hasOption(message, resourceOption)) continue;
      const { type, readOnly } = getOption(message, resourceOption);
      if (readOnly) continue;
      let shape: ResourceShape | undefined;
      result.set(typePrefix + type, () => {
        shape ??= resourceShape(message, serviceOf(message, contractFiles));
        return shape;
      });
    }
  }
  return result;
}
