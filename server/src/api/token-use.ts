/** Notes when API tokens were used last: in their status, to the hour. */
import { timestampFromMs, timestampMs } from '@bufbuild/protobuf/wkt';
import {
  type ApiToken,
  ApiTokenStatusSchema,
} from '@limiquantix/proto/identity/v1/api_token_pb.js';
import type { Log } from '../log.js';
import { patched } from '../resource/patched.js';
import type { ApiContext } from './api-context.js';
import { StatusWriter } from './status-writer.js';

const hourMs = 60 * 60 * 1000;

/** Notes uses; a write for each token and hour. */
export class TokenUse {
  readonly #context: ApiContext;
  readonly #log: Log;
  readonly #writer: StatusWriter;
  /** Tokens whose use is being written. */
  readonly #writing = new Set<string>();

  constructor(context: ApiContext, log: Log) {
    this.#context = context;
    this.#log = log;
    this.#writer = new StatusWriter(context);
  }

  /** Notes that a token is used now; nothing waits for the write. */
  note({ id, status }: ApiToken): void {
    const nowMs = this.#context.nowMs();
    const hour = Math.floor(nowMs / hourMs) * hourMs;
    const last = status?.lastUsedAt === undefined ? 0 : timestampMs(status.lastUsedAt);
    if (last >= hour || this.#writing.has(id)) return;
    this.#writing.add(id);
    this.#writer
      .writeStatus<ApiToken>({ type: 'api_token', id }, (token) =>
        patched(ApiTokenStatusSchema, token.status, { lastUsedAt: timestampFromMs(hour) }),
      )
      .catch((err: unknown) => this.#log.debug('the use of a token could not be noted', { err }))
      .finally(() => this.#writing.delete(id));
  }
}
