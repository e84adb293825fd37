/**
 * The shapes of actions: methods of the contract that do something once, when a plan or a user says
 * so, with their arguments.
 */
import type { DescMethod } from '@bufbuild/protobuf';
import { contractMethods, requestAttributes } from './contract-methods.js';
import { typePrefix } from './resource-shape.js';
import { type ObjectShape, objectShape } from './shape.js';

/** An action. */
export interface ActionShape {
  /** Such as `limiquantix_vm_start`. */
  readonly typeName: string;
  readonly method: DescMethod;
  /** The arguments. */
  readonly request: ObjectShape;
}

/** All actions, by Terraform's name; shapes are made when they are first asked for. */
export function actionShapes(): ReadonlyMap<string, () => ActionShape> {
  const named = contractMethods().filter(({ behavior }) => behavior.action !== '');
  return new Map(
    named.map(({ method, behavior }) => {
      const typeName = typePrefix + behavior.action;
      let shape: ActionShape | undefined;
      const shapeOf = (): ActionShape => {
        shape ??= {
          typeName,
          method,
          request: objectShape(method.input, requestAttributes(method)),
        };
        return shape;
      };
      return [typeName, shapeOf];
    }),
  );
}
