/**
 * From a field's path in the contract to the attribute that the user wrote:
 * `spec.disks["root"].volume.size_gib` to `disks["root"].volume.size_gib`.
 */
import type { ResourceShape } from '../schema/resource-shape.js';
import type { Attribute } from '../schema/shape.js';
import {
  type AttributePath,
  type FieldStep,
  type PathStep,
  parseFieldPath,
} from '../value/path.js';

/** The attribute for a field's path; as far as it goes, for a path that leads nowhere. */
export function locate(shape: ResourceShape, fieldPath: string): AttributePath {
  const steps = parseFieldPath(fieldPath);
  const [first] = steps;
  // A request's field may come first, such as `vm` in CreateVirtualMachineRequest.
  if (first !== undefined && 'field' in first && first.field === shape.type) steps.shift();
  const [root] = steps;
  if (root === undefined || !('field' in root)) return [];
  if (root.field !== 'spec') return walk(shape.header, steps);
  steps.shift();
  return walk(shape.spec.attributes, steps);
}

/** The same among the attributes of any message. */
export function locateIn(attributes: readonly Attribute[], fieldPath: string): AttributePath {
  return walk(attributes, parseFieldPath(fieldPath));
}

function walk(attributes: readonly Attribute[], steps: readonly FieldStep[]): AttributePath {
  const path: PathStep[] = [];
  let inside: readonly Attribute[] = attributes;
  let current: Attribute | undefined;
  for (const step of steps) {
    if ('field' in step) {
      current = inside.find(
        ({ field, role }) => field?.name === step.field && role !== 'secret_version',
      );
      if (current === undefined) return path;
      path.push({ attribute: current.name });
      inside = typeof current.element === 'string' ? [] : current.element.attributes;
    } else if (current?.collection === 'map') {
      path.push({ key: String(step.key) });
    } else if (current?.collection === 'list' && typeof step.key === 'number') {
      path.push({ index: step.key });
    } else {
      return path;
    }
  }
  return path;
}
