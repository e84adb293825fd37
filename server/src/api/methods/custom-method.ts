/**
 * What the contract's own methods beside the standard ones are made of: an edit of a resource, work
 * that goes on as an operation, or an answer from what is known. Each is one line in a table; what
 * they have in common (checks, transactions, request ids, answers) is here and in `begin.ts`.
 */
import {
  clone,
  type DescMessage,
  type DescMethod,
  type Message,
  type MessageShape,
} from '@bufbuild/protobuf';
import { Code, type HandlerContext } from '@connectrpc/connect';
import { LimiError } from '../../resource/error.js';
import { committed } from '../../resource/record.js';
import type { AnyResource } from '../../resource/resource.js';
import { withoutSecrets } from '../../resource/strip.js';
import type { ResourceType } from '../../resource/type-registry.js';
import { type ApiContext, commitPlan, freshen, mustFind } from '../api-context.js';
import { callerOf, nameOfCaller } from '../caller.js';
import { checkEtag, planChange } from '../update-resource.js';

/** One call of a custom method. */
export interface CustomCall<Request extends Message = Message> {
  readonly context: ApiContext;
  /** Checked against the contract's rules already. */
  readonly request: Request;
  readonly call: Pick<HandlerContext, 'values' | 'signal'>;
}

/** A custom method: its descriptor, and what answers it. */
export interface CustomMethod {
  readonly method: DescMethod;
  /** Undefined for a method that nothing can do yet; `missing` says what is missing. */
  readonly serve: ((call: CustomCall) => Promise<unknown>) | undefined;
  readonly missing?: string;
}

type Method<I extends DescMessage, O extends DescMessage> = DescMethod & {
  readonly input: I;
  readonly output: O;
};

/** A method that answers from what is known. */
export function reads<I extends DescMessage, O extends DescMessage>(
  method: Method<I, O>,
  answer: (call: CustomCall<MessageShape<I>>) => Promise<unknown> | unknown,
): CustomMethod {
  return {
    method,
    async serve(call) {
      await freshen(call.context);
      return answer(call as CustomCall<MessageShape<I>>);
    },
  };
}

/**
 * A method that changes the resource of its service: `edit` changes a copy, which then goes the way
 * of any update.
 */
export function edits<I extends DescMessage, O extends DescMessage, R extends AnyResource>(
  method: Method<I, O>,
  edit: (resource: R, request: MessageShape<I>, context: ApiContext) => void,
): CustomMethod {
  return {
    method,
    async serve({ context, request, call }) {
      const type = typeOfService(context, method);
      const { id, etag = '' } = request as unknown as { id: string; etag?: string };
      const resource = await editResource<R>(
        { context, request, call },
        {
          method,
          type,
          id,
          etag,
          edit: (copy) => edit(copy, request as MessageShape<I>, context),
        },
      );
      return { [fieldFor(method, type.message)]: withoutSecrets(type, resource) };
    },
  };
}

/** One edit of one resource. */
export interface ResourceEdit<R extends AnyResource> {
  /** On whose behalf. */
  readonly method: DescMethod;
  readonly type: ResourceType;
  readonly id: string;
  /** The etag that it is based on; empty for any. */
  readonly etag: string;
  /** Changes the copy that it is given. */
  readonly edit: (copy: R) => void;
}

/** Changes a resource the way of any update; nothing is written where nothing differs. */
export async function editResource<R extends AnyResource>(
  { context, call }: CustomCall,
  { method, type, id, etag, edit }: ResourceEdit<R>,
): Promise<R> {
  const createdBy = nameOfCaller(callerOf(call));
  const { outcome, revision } = await commitPlan(context, () => {
    const previous = mustFind(context, type, id);
    checkEtag(type, previous, etag);
    const next = clone(type.message, previous) as R;
    edit(next);
    const planned = planChange(context, { type, next, previous, createdBy });
    if (planned === undefined) return { plan: undefined, resource: previous };
    refuseUnsupported(context, { method, type, next: planned.resource, previous });
    return planned;
  });
  const { resource } = outcome;
  if (revision === undefined) return resource as R;
  await context.view.settled(revision);
  return committed(resource, revision) as R;
}

/** A method that nothing can do yet; `what` names what is missing. */
export function unsupported(method: DescMethod, what: string): CustomMethod {
  return { method, serve: undefined, missing: what };
}

/** The error of a method that can't be done. */
export function notSupported(method: DescMethod, why: string): LimiError {
  return new LimiError({
    code: Code.Unimplemented,
    reason: 'NOT_SUPPORTED',
    message: `${method.name} is not supported: ${why}`,
  });
}

/**
 * Throws NOT_SUPPORTED where a resource would come to be one that no backend can carry out. One
 * that was so before is the user's matter already.
 */
export function refuseUnsupported(
  { support }: ApiContext,
  change: {
    readonly method: DescMethod;
    readonly type: ResourceType;
    readonly next: AnyResource;
    readonly previous: AnyResource | undefined;
  },
): void {
  const { method, type, next, previous } = change;
  const refusal = support.refusal(type, next);
  if (refusal === undefined) return;
  if (previous !== undefined && support.refusal(type, previous) !== undefined) return;
  throw notSupported(method, refusal.message);
}

/** The resource type that a method's service is of. */
export function typeOfService({ types }: ApiContext, { parent }: DescMethod): ResourceType {
  const type = types.types.find(({ service }) => service.typeName === parent.typeName);
  if (type === undefined) throw new Error(`${parent.typeName} is no service of a resource type`);
  return type;
}

/** The name of the answer's field that holds a message of this kind. */
export function fieldFor({ output }: DescMethod, message: DescMessage): string {
  const field = output.fields.find((one) => one.message?.typeName === message.typeName);
  if (field === undefined) throw new Error(`${output.typeName} holds no ${message.typeName}`);
  return field.localName;
}
