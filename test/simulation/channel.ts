/**
 * The provider's channel in a simulation: its calls go as bytes by the simulated network to the
 * server that is reached, and what fails comes back as it would by gRPC.
 */
import type { Message } from '@bufbuild/protobuf';
import { Code, ConnectError } from '@connectrpc/connect';
import { fromBinary, toBinary } from '@limiquantix/proto/binary/codec.js';
import type { CallOptions, Channel } from '../../provider/src/client/channel.js';
import { failureIn, GrpcFailure } from '../../provider/src/client/grpc-failure.js';
import { statusHeaders } from '../../server/src/api/grpc/wire.js';
import type { Clock } from '../../server/src/reconcile/clock.js';
import type { Network } from './network.js';
import type { ArrivedCall, SimulatedServer } from './server.js';

/** What a channel works with. */
export interface SimulatedChannelOptions {
  readonly name: string;
  readonly clock: Clock;
  readonly network: Network;
  readonly token: string;
  /** The name of the server that the endpoint leads to at the moment. */
  readonly endpoint: () => string;
  readonly serverOf: (name: string) => SimulatedServer | undefined;
}

/** Makes a channel. */
export function simulatedChannel(options: SimulatedChannelOptions): Channel {
  return {
    async unary(method, request, call) {
      const bytes = toBinary(method.input, request);
      const answer = await within(options.clock, call, (signal) =>
        unaryHop(
          options,
          { from: options.name, to: options.endpoint() },
          {
            ...{ method, request: bytes, signal, authorization: `Bearer ${options.token}` },
          },
        ),
      );
      return fromBinary(method.output, answer);
    },
    async *stream(method, request, { signal }) {
      const arrived = {
        ...{ method, request: toBinary(method.input, request) },
        authorization: `Bearer ${options.token}`,
      };
      yield* streamOf(options, arrived, signal);
    },
  };
}

type Arriving = Omit<ArrivedCall, 'signal'>;

/** One call to one server, which hands it to the leader where it must. */
async function unaryHop(
  options: SimulatedChannelOptions,
  route: { readonly from: string; readonly to: string },
  call: ArrivedCall,
): Promise<Uint8Array> {
  const { network, serverOf } = options;
  const callee = () => serverOf(route.to)?.life;
  return network.call(route, callee, () => {
    const server = serverOf(route.to);
    if (server === undefined) throw new Error('a server that lives is found');
    const leader = server.leadership.leaderUrl?.replace('https://', '');
    const isRelayed = route.from !== options.name;
    if (server.mustRelay(call.method) && leader !== undefined && !isRelayed) {
      return unaryHop(options, { from: route.to, to: leader }, call);
    }
    return told(server.unary(call));
  });
}

async function* streamOf(
  options: SimulatedChannelOptions,
  call: Arriving,
  signal: AbortSignal,
): AsyncGenerator<Message> {
  const { network, serverOf, name } = options;
  const to = options.endpoint();
  const answers = network.stream({
    route: { from: name, to },
    callee: () => serverOf(to)?.life,
    signal,
    serve: (farSignal) => {
      const server = serverOf(to);
      if (server === undefined) throw new Error('a server that lives is found');
      return server.stream({ ...call, signal: farSignal });
    },
  });
  try {
    for await (const answer of answers) yield fromBinary(call.method.output, answer);
  } catch (error) {
    throw await failureOf(error);
  }
}

/** What a server answers, or its error as its client reads it. */
async function told<T>(answer: Promise<T>): Promise<T> {
  try {
    return await answer;
  } catch (error) {
    throw await failureOf(error);
  }
}

async function failureOf(error: unknown): Promise<Error> {
  if (error instanceof GrpcFailure) return error;
  const failure = await failureIn(statusHeaders(ConnectError.from(error, Code.Internal)));
  return failure ?? new GrpcFailure('internal', 'an error that is none');
}

/** A call that ends with its time, or when it is no longer wanted. */
function within<T>(
  clock: Clock,
  { signal, timeoutMs }: CallOptions,
  make: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  return new Promise((resolve, reject) => {
    const ended = new AbortController();
    const finish = (): void => {
      cancel?.();
      signal.removeEventListener('abort', abort);
      ended.abort();
    };
    const abort = (): void => {
      finish();
      reject(new GrpcFailure('canceled', 'the call was canceled'));
    };
    const cancel =
      timeoutMs === undefined
        ? undefined
        : clock.after(timeoutMs, () => {
            finish();
            reject(new GrpcFailure('deadline_exceeded', `no answer in ${timeoutMs} ms`));
          });
    if (signal.aborted) return abort();
    signal.addEventListener('abort', abort, { once: true });
    make(ended.signal).then(
      (answer) => {
        finish();
        resolve(answer);
      },
      (error: unknown) => {
        finish();
        reject(error);
      },
    );
    return undefined;
  });
}
