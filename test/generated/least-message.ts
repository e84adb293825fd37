/** Resources as messages, with what they need and no more, for tests below Terraform. */
import type { Message } from '@bufbuild/protobuf';
import { resourceToMessage } from '../../provider/src/engine/to-message.js';
import { resourceShapes } from '../../provider/src/schema/all-shapes.js';
import { type Dependency, Samples } from './samples.js';

/** The types that users create, by name. */
export const typesOfUsers: readonly string[] = [...resourceShapes().values()].map(
  (shapeOf) => shapeOf().type,
);

/** The n-th least spec of a type; what it refers to comes from `dependency`. */
export async function leastSpec(type: string, n: number, dependency: Dependency): Promise<Message> {
  const shape = resourceShapes().get(`limiquantix_${type}`)?.();
  if (shape === undefined) throw new Error(`users create no ${type}`);
  const value = await new Samples(dependency).least(shape.object, n);
  const { message, issues } = resourceToMessage(shape, value);
  if (issues.length > 0) throw new Error(`${type}: ${JSON.stringify(issues)}`);
  if (message.spec === undefined) throw new Error(`${type} has no spec`);
  return message.spec;
}
