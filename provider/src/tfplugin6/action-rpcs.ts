/**
 * The calls of actions. What they need is loaded with the first one: few processes have any.
 */
import type { problem } from '../engine/diagnostic.js';
import { requestMessage, validateArguments } from '../engine/method-call.js';
import { hasUnknown } from '../value/value.js';
import { diagnosticsOf } from './diagnostics.js';
import { decodeObject } from './dynamic-value.js';
import type { Answer, Ask, Rpcs } from './rpc.js';
import type { Session } from './session.js';

/** The calls of this file. */
export type ActionRpcs = Rpcs<'validateActionConfig' | 'planAction' | 'invokeAction'>;

/** Makes the functions. */
export function actionRpcs(session: Session): ActionRpcs {
  const judge = async (typeName: string, config: Ask<'planAction'>['config']) => {
    const { request } = await session.action(typeName);
    const value = decodeObject(config, request.type);
    if (value === null) return [];
    const found = validateArguments(request, value, session.check);
    if (found.length === 0 && !hasUnknown(value)) requestMessage(request, value);
    return found;
  };
  return {
    validateActionConfig: ({ typeName, config }) =>
      session.answer(async () => ({ diagnostics: session.tell(await judge(typeName, config)) })),
    planAction: ({ actionType, config }) =>
      session.answer(async () => ({ diagnostics: session.tell(await judge(actionType, config)) })),
    invokeAction: (request) => invoke(session, request),
  };
}

async function* invoke(
  session: Session,
  { actionType, config }: Ask<'invokeAction'>,
): AsyncIterable<Answer<'invokeAction'>> {
  try {
    const shape = await session.action(actionType);
    const { invokeAction } = await import('../engine/action.js');
    const value = decodeObject(config, shape.request.type) ?? {};
    const { newRequestId } = session.effects;
    for await (const event of invokeAction(shape, value, { api: session.api, newRequestId })) {
      if ('progress' in event) {
        yield { type: { case: 'progress', value: { message: event.progress } } };
      } else yield completed(session, event.ended);
    }
  } catch (error) {
    yield completed(session, diagnosticsOf(error));
  }
}

const completed = (session: Session, diagnostics: readonly ReturnType<typeof problem>[]) => ({
  type: { case: 'completed' as const, value: { diagnostics: session.tell(diagnostics) } },
});
