/**
 * Waits for one resource to be ready or gone, by watching; ends at the resource's own failure, at
 * the time allowed, or when Terraform is interrupted.
 */
import { ConditionStatus } from '@limiquantix/proto/resource/v1/resource_pb.js';
import type { WaitQuestion, WaitResult } from '../engine/api.js';
import type { AnyResource } from '../engine/fields.js';
import type { Timers } from './timers.js';
import type { Watcher } from './watcher.js';

/** Waits. Rejects with ApiError if the server refuses to be watched. */
export function waitFor(
  watcher: Watcher,
  { resource, until, timeoutMs }: WaitQuestion,
  { stopping, timers }: { readonly stopping: AbortSignal; readonly timers: Timers },
): Promise<WaitResult> {
  let last: AnyResource | undefined = resource;
  return new Promise((resolve, reject) => {
    const finish = (result: WaitResult): true => {
      cancelTimeout();
      stopping.removeEventListener('abort', interrupt);
      stop();
      resolve(result);
      return true;
    };
    const judge = (seen: AnyResource | undefined): boolean => {
      last = seen ?? last;
      if (seen === undefined) return finish(goneResult(until, last ?? resource));
      if (until === 'gone') return false;
      const result = readyResult(seen, resource.generation);
      return result === undefined ? false : finish(result);
    };
    const interrupt = (): void => {
      finish({ outcome: 'interrupted', resource: last });
    };
    const late = (): void => void finish({ outcome: 'timeout', resource: last });
    const cancelTimeout = timers.after(timeoutMs, late);
    let stop = (): void => undefined;
    if (stopping.aborted) return interrupt();
    stopping.addEventListener('abort', interrupt, { once: true });
    if (until === 'ready' && judge(resource)) return undefined;
    // A record may go in the very write that its deletion was: begin just before that one.
    const revision = until === 'gone' ? resource.revision - 1n : resource.revision;
    stop = watcher.observe({ id: resource.id, revision }, judge, (error) => {
      cancelTimeout();
      stopping.removeEventListener('abort', interrupt);
      reject(error);
    });
    return undefined;
  });
}

function goneResult(until: 'ready' | 'gone', resource: AnyResource): WaitResult {
  if (until === 'gone') return { outcome: 'reached', resource: undefined };
  return { outcome: 'failed', resource, message: 'it was deleted by somebody else meanwhile' };
}

/**
 * What the condition `Ready` says about a generation, or undefined if it says nothing final yet.
 */
function readyResult(resource: AnyResource, generation: bigint): WaitResult | undefined {
  const { status } = resource;
  if (status === undefined || status.observedGeneration < generation) return undefined;
  const ready = status.conditions.find(({ type }) => type === 'Ready');
  switch (ready?.status) {
    case ConditionStatus.TRUE:
      return { outcome: 'reached', resource };
    case ConditionStatus.FAILED:
      return { outcome: 'failed', resource, message: `${ready.reason}: ${ready.message}` };
    default:
      return undefined;
  }
}
