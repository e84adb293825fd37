/**
 * Asks drivers what their backends hold, and how that differs from what is wanted: the same
 * `observe` and `diff` as the loop's, with nothing applied. The control plane and every agent do it
 * over their own drivers.
 */
import type { BackendObject, Deviation, Inspected } from '../decide/backend-object.js';
import { LimiError } from '../resource/error.js';
import type { AnyResource, ResourceKey } from '../resource/resource.js';
import { wordOfAction } from './action-word.js';
import {
  type Driver,
  hasInventory,
  type Lookup,
  removesData,
  removesParts,
  removesStrays,
  type SupportsInventory,
} from './driver.js';

/** Resources that are looked at at once. */
const looksMax = 16;

/** A driver that can say what its backend holds. */
export type Inspectable = Driver & SupportsInventory;

/** Those of the drivers that can say what their backends hold. */
export function inspectable(drivers: readonly Driver[]): readonly Inspectable[] {
  return drivers.filter(hasInventory);
}

/** What the backends hold. A backend that can't be asked is named, and the others are asked. */
export async function inspect(drivers: readonly Inspectable[], lookup: Lookup): Promise<Inspected> {
  const objects: BackendObject[] = [];
  const deviations: Deviation[] = [];
  const failures: string[] = [];
  for (const driver of drivers) {
    try {
      const found = await driver.inventory();
      objects.push(...found);
      if (driver.observesForLoopOnly !== true) {
        deviations.push(...(await deviationsOf(driver, found, lookup)));
      }
    } catch (error) {
      failures.push(textOf(error));
    }
  }
  return { objects, deviations, failures };
}

/** What is to be removed, and whether data may go with it. */
export interface RemovalRequest {
  readonly keys: readonly ResourceKey[];
  readonly deleteData: boolean;
}

/** What others stand on goes after them: a domain before its volumes, these before images. */
const removalOrder = ['vm', 'port', 'volume', 'image', 'storage_pool', 'network'];

/**
 * Removes what backends hold for resources that nobody wants here. Idempotent; what is wanted by
 * now stays. Returns what failed, for people.
 */
export async function removeStrays(
  drivers: readonly Driver[],
  lookup: Lookup,
  { keys, deleteData }: RemovalRequest,
): Promise<readonly string[]> {
  const failures: string[] = [];
  const rank = ({ type }: ResourceKey): number => removalOrder.indexOf(type);
  for (const { type, id } of [...keys].sort((a, b) => rank(a) - rank(b))) {
    // Asked just before each removal: it may have become wanted meanwhile.
    if (lookup.get(type, id) !== undefined) continue;
    const driver = drivers.find((one) => one.type === type);
    const holder = drivers.find((one) => removesParts(one, type));
    try {
      if (driver !== undefined && removesStrays(driver)) await driver.removeStray(id);
      else if (deleteData && driver && removesData(driver)) await driver.removeData(id);
      if (holder !== undefined && removesParts(holder, type)) await holder.removePart(id);
    } catch (error) {
      failures.push(textOf(error));
    }
  }
  return failures;
}

/** Compares only what is there: what isn't is seen without the driver. */
async function deviationsOf(
  driver: Inspectable,
  found: readonly BackendObject[],
  lookup: Lookup,
): Promise<readonly Deviation[]> {
  const ids = [...new Set(found.filter(({ type }) => type === driver.type).map(({ id }) => id))];
  const deviations: Deviation[] = [];
  for (let from = 0; from < ids.length; from += looksMax) {
    const part = ids.slice(from, from + looksMax).map(async (id) => {
      const resource = lookup.get(driver.type, id);
      if (resource === undefined || resource.deletionRequestedAt !== undefined) return;
      const message = await differenceOf(driver, resource, lookup);
      if (message !== undefined) deviations.push({ type: driver.type, id, message });
    });
    await Promise.all(part);
  }
  return deviations;
}

async function differenceOf(
  driver: Driver,
  resource: AnyResource,
  lookup: Lookup,
): Promise<string | undefined> {
  try {
    const observed = await driver.observe(resource, lookup);
    const { actions } = driver.diff(resource, observed, lookup);
    if (actions.length === 0) return undefined;
    const words = new Set(actions.map((action) => wordOfAction(action).replaceAll('-', ' ')));
    return `is not as wanted; still to do: ${[...words].join(', ')}`;
  } catch (error) {
    return textOf(error);
  }
}

/** What of an error may be told: a LimiError's own text, nothing of others. */
function textOf(error: unknown): string {
  return error instanceof LimiError
    ? error.message
    : 'an unexpected failure; the log has the details';
}
