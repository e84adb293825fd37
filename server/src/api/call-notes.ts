/**
 * What the log's lines and the span of a call say of it: gathered on the call's way, carried in
 * Connect's context values. Each line about a call has the same id.
 */
import { type ContextValues, createContextKey } from '@connectrpc/connect';
import { traceIdOf } from '@limiquantix/proto/trace/traceparent.js';
import { type AuditSubject, subjectOf } from '../decide/audit.js';
import type { LogFields } from '../log.js';
import type { Facts } from '../tracing.js';
import { connectionOf } from './connection.js';

/** A call, as lines and spans tell of it. */
export class CallNotes {
  /** The service's and the method's names, with a slash between. */
  readonly method: string;
  /** The client's word for the request, or one of this server's where it gave none. */
  readonly requestId: string;
  /** The W3C trace context that the call belongs to; empty for none. */
  traceparent: string;
  /** Who makes it, such as `user:alice`; empty until that is known. */
  actor = '';
  /** Whether it has a transaction; a piece of an upload has none. */
  hasWritten = false;
  #resource: { readonly type?: string; readonly id?: string; readonly name?: string } = {};
  #operationId = '';

  constructor(call: { method: string; message: object; traceparent: string }, newId: () => string) {
    const { requestId = '', id } = call.message as { requestId?: string; id?: unknown };
    this.method = call.method;
    this.requestId = requestId || newId();
    this.traceparent = call.traceparent;
    if (typeof id === 'string') this.#resource = { id };
  }

  /** Notes what a transaction of the call is about. */
  writes(changes: readonly AuditSubject[]): void {
    this.hasWritten = true;
    const subject = subjectOf(changes);
    if (subject === undefined) return;
    const { type, resource } = subject;
    this.#resource = { type: type.type, id: resource.id, name: resource.name };
    const operation = changes.find((one) => one.type.type === 'operation');
    this.#operationId = operation?.resource.id ?? '';
  }

  /** What a line says. */
  get fields(): LogFields {
    const traceId = traceIdOf(this.traceparent);
    return {
      method: this.method,
      requestId: this.requestId,
      ...(this.actor !== '' && { actor: this.actor }),
      ...this.#resource,
      ...(this.#operationId !== '' && { operationId: this.#operationId }),
      ...(traceId !== '' && { traceId }),
    };
  }

  /** What a span says. */
  get facts(): Facts {
    const { type, id, name } = this.#resource;
    return {
      'limiquantix.request.id': this.requestId,
      ...(this.actor !== '' && { 'enduser.id': this.actor }),
      ...(id !== undefined && { 'limiquantix.resource.id': id }),
      ...(type !== undefined && { 'limiquantix.resource.type': type }),
      ...(name !== undefined && { 'limiquantix.resource.name': name }),
      ...(this.#operationId !== '' && { 'limiquantix.operation.id': this.#operationId }),
    };
  }
}

const notesKey = createContextKey<CallNotes | undefined>(undefined, { description: 'call notes' });

/** The notes of a call; undefined before it reached the interceptors. */
export const notesIn = (values: ContextValues): CallNotes | undefined => values.get(notesKey);

/** Begins the notes of a call. */
export function noteCall(
  call: { readonly method: string; readonly message: object; readonly values: ContextValues },
  newId: () => string,
): CallNotes {
  const { method, message, values } = call;
  const notes = new CallNotes({ method, message, ...connectionOf({ values }) }, newId);
  values.set(notesKey, notes);
  return notes;
}
