/**
 * A client that watches a type through everything that goes wrong, and compares what it is told
 * with what was committed: each change follows on the one before of the same resource, revisions
 * never go back on a stream, and where the watch says that it is complete, what was told is what is
 * stored.
 */
import { create } from '@bufbuild/protobuf';
import { EventType } from '@limiquantix/proto/resource/v1/resource_pb.js';
import { answerFields, standardMethod } from '../../provider/src/client/calls.js';
import { GrpcFailure } from '../../provider/src/client/grpc-failure.js';
import type { ResourceShape } from '../../provider/src/schema/resource-shape.js';
import { recordKey, typePrefix } from '../../server/src/resource/keys.js';
import { type SimulatedChannelOptions, simulatedChannel } from './channel.js';
import type { Medium } from './medium.js';

/** What a watcher works with. */
export interface WatcherOptions extends SimulatedChannelOptions {
  readonly shape: ResourceShape;
  readonly medium: Medium;
  readonly signal: AbortSignal;
  /** Told of what no watch may do. */
  readonly onBreach: (what: string) => void;
}

const restMs = 1_000;

type Told = ReturnType<typeof answerFields>;

/** Watches. */
export class CheckedWatch {
  readonly #options: WatcherOptions;
  /** The revisions of the resources that it was told of, by id. */
  readonly #told = new Map<string, bigint>();
  #position = 0n;
  /** Whether it was told of all that existed when it began. */
  #isWhole = false;

  constructor(options: WatcherOptions) {
    this.#options = options;
  }

  /** Watches until the signal aborts. */
  async run(): Promise<void> {
    const { clock, signal } = this.#options;
    while (!signal.aborted) {
      try {
        await this.#stream();
      } catch (error) {
        if (!(error instanceof GrpcFailure)) throw error;
        if (error.code === 'out_of_range') this.#position = 0n;
      }
      await new Promise<void>((resolve) => {
        clock.after(restMs, resolve);
      });
    }
  }

  /** One stream, from where the last one ended. */
  async #stream(): Promise<void> {
    const { shape, signal } = this.#options;
    const method = standardMethod(shape, 'Watch');
    const channel = simulatedChannel(this.#options);
    if (this.#position === 0n) {
      this.#told.clear();
      this.#isWhole = false;
    }
    const request = create(method.input, { fromRevision: this.#position } as Record<
      string,
      unknown
    >);
    let newest = 0n;
    for await (const answer of channel.stream(method, request, { signal })) {
      const told = answerFields(shape, method, answer);
      if (told.revision < newest) this.#breach(`revision ${told.revision} after ${newest}`);
      newest = told.revision;
      this.#take(told);
      this.#position = told.revision;
    }
  }

  #take({ eventType, resource, revision }: Told): void {
    if (resource === undefined) {
      if (eventType !== EventType.BOOKMARK) return;
      this.#compare(revision);
      this.#isWhole = true;
      return;
    }
    const { medium, shape } = this.#options;
    const before = this.#told.get(resource.id);
    if (eventType === EventType.DELETED) {
      this.#told.delete(resource.id);
      return;
    }
    // Some of a commit's changes are told again where a stream broke off amid them.
    if (before === resource.revision) return;
    const key = recordKey(shape.type, resource.id);
    const previous = medium.get(key, resource.revision - 1n)?.revision;
    // What existed and wasn't told yet when the stream broke off is told by its next change.
    const isFirst = before === undefined && (eventType === EventType.ADDED || !this.#isWhole);
    if (!isFirst && previous !== before) {
      this.#breach(`${resource.id} went from ${before} to ${resource.revision} past ${previous}`);
    }
    this.#told.set(resource.id, resource.revision);
  }

  /** What was told must be what was stored at a revision. */
  #compare(revision: bigint): void {
    const { medium, shape } = this.#options;
    const stored = medium.list(typePrefix(shape.type), revision);
    const text = (all: Iterable<readonly [string, bigint]>): string =>
      [...all]
        .map(([id, at]) => `${id} ${at}`)
        .sort()
        .join();
    const wanted = text(stored.map((one) => [one.key.split('/').at(-1) ?? '', one.revision]));
    if (text(this.#told) !== wanted) {
      this.#breach(`at ${revision} it was told ${text(this.#told)}, stored is ${wanted}`);
    }
  }

  #breach(what: string): void {
    this.#options.onBreach(`${this.#options.shape.type}: ${what}`);
  }
}
