/**
 * Follows work that goes on as an operation to its end: one line that is drawn again on a terminal,
 * a line for each step otherwise. The work goes on when nobody follows it, and that is said.
 */
import { Code } from '@connectrpc/connect';
import { type Operation, OperationPhase } from '@limiquantix/proto/operations/v1/operation_pb.js';
import { EventType } from '@limiquantix/proto/resource/v1/resource_pb.js';
import { LimiError } from '../resource/error.js';
import { contractTypes } from '../resource/type-registry.js';
import type { Session } from './session.js';
import { spanText } from './words/numbers.js';

/** What to follow. */
export interface Followed {
  readonly operation: Operation;
  /** What is done to what, for people. */
  readonly title: string;
  /** How long to follow it at most; undefined for to its end. */
  readonly timeoutMs: number | undefined;
}

/** Follows it. Throws LimiError where it fails, is cancelled, or isn't done in time. */
export async function followOperation(session: Session, followed: Followed): Promise<void> {
  const { cli, client } = session;
  const { operation, timeoutMs } = followed;
  const progress = new Progress(session, followed);
  const deadline = timeoutMs === undefined ? undefined : AbortSignal.timeout(timeoutMs);
  const signal = deadline === undefined ? cli.signal : AbortSignal.any([cli.signal, deadline]);
  const type = contractTypes.get('operation');
  let last = operation;
  try {
    if (!isEnded(last)) {
      // Said at once, and also of work that is over before its first step is told.
      progress.show(last);
      for await (const event of client.watch(type, { filter: `id=${operation.id}`, signal })) {
        if (event.type === EventType.DELETED) break;
        last = (event.resource as unknown as Operation | undefined) ?? last;
        if (isEnded(last)) break;
        progress.show(last);
      }
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    progress.clear();
  }
  if (isEnded(last)) tellEnd(session, followed, last);
  else throw leftAlone(session, followed, last);
}

const isEnded = ({ status }: Operation): boolean =>
  status?.phase === OperationPhase.SUCCEEDED ||
  status?.phase === OperationPhase.FAILED ||
  status?.phase === OperationPhase.CANCELLED;

function tellEnd({ cli }: Session, { title }: Followed, { id, status }: Operation): void {
  if (status?.phase === OperationPhase.SUCCEEDED) {
    const made = status.resultId === '' ? '' : `: ${status.resultId}`;
    cli.stdout.write(`${title} done${made}\n`);
    return;
  }
  const items = Object.values(status?.items ?? {})
    .filter(({ phase }) => phase !== OperationPhase.SUCCEEDED)
    .map(({ type, name, message }) => ({ path: `${type}/${name}`, message }));
  const isCancelled = status?.phase === OperationPhase.CANCELLED;
  const { reason = '', message = '' } = status?.error ?? {};
  const why = [reason, message].filter(Boolean).join(': ');
  const what = isCancelled ? 'was cancelled' : 'failed';
  throw new LimiError({
    code: isCancelled ? Code.Canceled : Code.Unknown,
    reason: 'OPERATION_ENDED',
    message: `${title} ${what}${why === '' ? '' : `: ${why}`}; see: limiquantix describe operation ${id}`,
    violations: items,
  });
}

/** The work goes on; who followed it is told how to come back to it. */
function leftAlone({ cli }: Session, { title }: Followed, last: Operation): LimiError {
  const { id, status } = last;
  const lines = [
    `${title} goes on as operation ${id}`,
    `  to watch it again: limiquantix operation wait ${id}`,
    ...(status?.cancellable === false
      ? []
      : [`  to cancel it:      limiquantix operation cancel ${id}`]),
  ];
  const message = lines.join('\n');
  if (cli.signal.aborted) cli.stderr.write(`${message}\n`);
  return new LimiError({ code: Code.DeadlineExceeded, reason: 'GOES_ON', message });
}

class Progress {
  readonly #session: Session;
  readonly #title: string;
  readonly #startMs: number;
  #lastText = '';

  constructor(session: Session, { title }: Followed) {
    this.#session = session;
    this.#title = title;
    this.#startMs = session.cli.nowMs();
  }

  show({ status, spec }: Operation): void {
    const { stderr, nowMs } = this.#session.cli;
    const { stage = '', percent = 0, nodeMessage = '' } = status ?? {};
    const what = spec?.cancelRequested === true ? 'being cancelled' : stage || 'waiting to begin';
    const detail = nodeMessage === '' || nodeMessage === stage ? '' : ` (${nodeMessage})`;
    const text = `${this.#title}: ${what}${detail}, ${percent} %`;
    if (stderr.isTerminal) {
      stderr.write(`\r\u001b[K${text}, ${spanText(nowMs() - this.#startMs)}`);
    } else if (text !== this.#lastText) stderr.write(`${text}\n`);
    this.#lastText = text;
  }

  /** Takes the line of a terminal away. */
  clear(): void {
    const { stderr } = this.#session.cli;
    if (stderr.isTerminal && this.#lastText !== '') stderr.write('\r\u001b[K');
  }
}
