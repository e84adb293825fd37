/**
 * Makes a planned change and waits until it has taken effect. A resource that was created is in the
 * state from then on, whatever fails later, so that nothing is ever left over unseen.
 */
import { Readiness } from '@limiquantix/proto/resource/v1/options_pb.js';
import type { ResourceShape } from '../schema/resource-shape.js';
import { hasUnknown, isObject, type ObjectValue } from '../value/value.js';
import type { Api, WaitQuestion, WaitResult } from './api.js';
import { type Attempt, apiDiagnostics } from './api-diagnostics.js';
import { type Diagnostic, problem } from './diagnostic.js';
import { durationText, parseDuration } from './duration.js';
import type { AnyResource } from './fields.js';
import type { Files } from './files.js';
import { resourceToValue } from './from-message.js';
import { keepPrior } from './keep-prior.js';
import { updateMask } from './mask.js';
import { originOf } from './origin.js';
import { fillUnknown, withSecrets } from './overlay.js';
import type { PrivateState } from './private-state.js';
import { resourceToMessage } from './to-message.js';
import { uploadedFiles } from './upload-plan.js';

/** A planned change. */
export interface ApplyQuestion {
  /** Null for a new resource. */
  readonly prior: ObjectValue | null;
  /** Null to delete it. */
  readonly planned: ObjectValue | null;
  readonly config: ObjectValue | null;
  readonly private: PrivateState;
}

/** What came of it. */
export interface Applied {
  /** Null if there is no resource. */
  readonly state: ObjectValue | null;
  readonly private: PrivateState;
  readonly diagnostics: readonly Diagnostic[];
}

/** What applying needs from outside. */
export interface ApplyEffects {
  readonly api: Api;
  readonly files: Files;
}

/** Creates, changes or deletes a resource as planned. */
export async function applyResource(
  shape: ResourceShape,
  question: ApplyQuestion,
  effects: ApplyEffects,
): Promise<Applied> {
  const { prior, planned } = question;
  const { requestId, origin: _, ...kept } = question.private;
  if (planned === null) return remove(shape, prior, kept, effects.api);
  if (prior !== null) return update(shape, { ...question, prior, planned, private: kept }, effects);
  return createNew(shape, { ...question, planned, private: kept }, requestId ?? '', effects);
}

type Change = ApplyQuestion & { readonly planned: ObjectValue };

async function createNew(
  shape: ResourceShape,
  { planned, config, private: kept }: Change,
  requestId: string,
  { api, files }: ApplyEffects,
): Promise<Applied> {
  const attempt: Attempt = { verb: 'create', name: String(planned['name']) };
  const { message } = resourceToMessage(shape, withSecrets(shape.object, planned, config ?? {}));
  let resource: AnyResource;
  try {
    resource = await api.create(shape, message, requestId);
  } catch (error) {
    return { state: null, private: {}, diagnostics: apiDiagnostics(shape, attempt, error) };
  }
  const created = resource;
  const end = (last: AnyResource, diagnostics: Diagnostic[]): Applied => ({
    state: stateOf(shape, planned, last),
    private: privateOf({ ...kept, etag: created.etag }, shape, last, diagnostics),
    diagnostics,
  });
  for (const path of uploadedFiles(shape.spec, planned)) {
    const failures = await upload(shape, created, path, { api, files });
    if (failures.length > 0) return end(created, failures);
  }
  if (shape.options.readiness === Readiness.STORED) return end(created, []);
  const waiting: WaitQuestion = {
    resource: created,
    until: 'ready',
    timeoutMs: timeoutMs(planned, 'create'),
  };
  return waitFor(shape, attempt, waiting, api, (last) => last ?? created, end);
}

async function upload(
  shape: ResourceShape,
  { id, name }: AnyResource,
  path: string,
  { api, files }: ApplyEffects,
): Promise<Diagnostic[]> {
  try {
    const file = await files.open(path);
    try {
      await api.upload(shape, id, file);
    } finally {
      await file.close();
    }
    return [];
  } catch (error) {
    if (error instanceof Error && 'syscall' in error) {
      return [problem('Cannot read the file to upload', `"${path}": ${error.message}`)];
    }
    return apiDiagnostics(shape, { verb: 'upload', name }, error);
  }
}

async function update(
  shape: ResourceShape,
  { prior, planned, config, private: kept }: Change & { readonly prior: ObjectValue },
  { api }: ApplyEffects,
): Promise<Applied> {
  const attempt: Attempt = { verb: 'update', name: String(planned['name']) };
  const mask = updateMask(shape, prior, planned);
  let { etag = '' } = kept;
  const end = (last: AnyResource, diagnostics: Diagnostic[]): Applied => ({
    state: stateOf(shape, planned, last),
    private: privateOf({ ...kept, etag }, shape, last, diagnostics),
    diagnostics,
  });
  const waiting = (resource: AnyResource): WaitQuestion => {
    return { resource, until: 'ready', timeoutMs: timeoutMs(planned, 'update') };
  };
  if (mask.length === 0) {
    // Only what the provider keeps to itself changed, or how something is written.
    if (!hasUnknown(planned)) return { state: planned, private: kept, diagnostics: [] };
    // What it follows was changed: it is on its way already.
    const found = await api.get(shape, String(prior['id']));
    if (found === undefined) return { state: null, private: {}, diagnostics: [] };
    return waitFor(shape, attempt, waiting(found), api, (last) => last ?? found, end);
  }
  const { message } = resourceToMessage(shape, withSecrets(shape.object, planned, config ?? {}));
  message.id = String(prior['id']);
  let updated: AnyResource;
  try {
    updated = await api.update(shape, { resource: message, paths: mask, etag });
    // Of what this made, and not of what others may make of it while it is waited for.
    etag = updated.etag;
  } catch (error) {
    return { state: prior, private: kept, diagnostics: apiDiagnostics(shape, attempt, error) };
  }
  const touchesSpec = mask.some((path) => path.startsWith(`${shape.specField.name}.`));
  if (!touchesSpec || shape.options.readiness === Readiness.STORED) return end(updated, []);
  return waitFor(shape, attempt, waiting(updated), api, (last) => last ?? updated, end);
}

async function remove(
  shape: ResourceShape,
  prior: ObjectValue | null,
  kept: PrivateState,
  api: Api,
): Promise<Applied> {
  if (prior === null) return { state: null, private: {}, diagnostics: [] };
  const attempt: Attempt = { verb: 'delete', name: String(prior['name'] ?? prior['id']) };
  let going: AnyResource | undefined;
  try {
    going = await api.delete(shape, String(prior['id']));
  } catch (error) {
    return { state: prior, private: kept, diagnostics: apiDiagnostics(shape, attempt, error) };
  }
  if (going === undefined) return { state: null, private: {}, diagnostics: [] };
  const waiting: WaitQuestion = {
    resource: going,
    until: 'gone',
    timeoutMs: timeoutMs(prior, 'delete'),
  };
  const end = (_: unknown, diagnostics: Diagnostic[]): Applied => ({
    state: diagnostics.length === 0 ? null : prior,
    private: kept,
    diagnostics,
  });
  return waitFor(shape, attempt, waiting, api, () => undefined, end);
}

/** Waits, and tells what came of it. */
async function waitFor<T>(
  shape: ResourceShape,
  attempt: Attempt,
  waiting: WaitQuestion,
  api: Api,
  lastSeen: (resource: AnyResource | undefined) => T,
  end: (last: T, diagnostics: Diagnostic[]) => Applied,
): Promise<Applied> {
  let result: WaitResult;
  try {
    result = await api.wait(shape, waiting);
  } catch (error) {
    return end(lastSeen(undefined), apiDiagnostics(shape, attempt, error));
  }
  const last = lastSeen(result.resource);
  const name = `${shape.typeName} "${attempt.name}"`;
  switch (result.outcome) {
    case 'reached':
      return end(last, []);
    case 'failed':
      return end(last, [problem(`${name} failed`, result.message)]);
    case 'interrupted':
      return end(last, [problem(`${name} was not waited for`, interruptedDetail(waiting))]);
    case 'timeout':
      return end(last, [problem(timeoutSummary(name, waiting), timeoutDetail(result, attempt))]);
  }
}

function interruptedDetail({ until }: WaitQuestion): string {
  return until === 'gone'
    ? 'Terraform was interrupted while the resource was being removed; apply again to go on'
    : 'Terraform was interrupted before the resource was ready; it goes on by itself, ' +
        'and the next plan shows what has become of it';
}

function timeoutSummary(name: string, { until, timeoutMs: ms }: WaitQuestion): string {
  return `${name} is not ${until} after ${durationText(ms)}`;
}

function timeoutDetail({ resource }: WaitResult, { verb }: Attempt): string {
  const ready = resource?.status?.conditions.find(({ type }) => type === 'Ready');
  const reason =
    ready === undefined || ready.message === ''
      ? 'the control plane gave no reason'
      : `the last reason was ${ready.reason}: ${ready.message}`;
  return `${reason}. If it only needs longer, raise timeouts.${verb}`;
}

/** What is stored after a change: as planned, and where the plan was open, as the server says. */
function stateOf(shape: ResourceShape, planned: ObjectValue, resource: AnyResource): ObjectValue {
  const fresh = keepPrior(shape.object, planned, resourceToValue(shape, resource));
  const filled = fillUnknown(planned, fresh);
  return isObject(filled) ? filled : fresh;
}

/** A state that is not what was planned must be read again, whatever its revision. */
function privateOf(
  kept: PrivateState,
  shape: ResourceShape,
  last: AnyResource,
  diagnostics: readonly Diagnostic[],
): PrivateState {
  return diagnostics.length > 0 ? kept : { ...kept, origin: originOf(shape, last) };
}

const timeoutDefaultMs = 20 * 60_000;

function timeoutMs(value: ObjectValue, verb: 'create' | 'update' | 'delete'): number {
  const timeouts = value['timeouts'];
  const text = isObject(timeouts) ? timeouts[verb] : null;
  return (typeof text === 'string' ? parseDuration(text) : undefined) ?? timeoutDefaultMs;
}
