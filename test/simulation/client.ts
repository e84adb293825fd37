/**
 * A Terraform-like client: the provider's own API client on the simulated network, and over it what
 * Terraform does with a configuration: it reads what it made, compares, and creates, changes and
 * deletes in the order of references, several at a time. It remembers what was acknowledged.
 */
import { setMaxListeners } from 'node:events';
import { create, type DescMessage, equals } from '@bufbuild/protobuf';
import type { VmFleet } from '@limiquantix/proto/compute/v1/vm_fleet_pb.js';
import type { VirtualMachine } from '@limiquantix/proto/compute/v1/vm_pb.js';
import { createApiClient } from '../../provider/src/client/api-client.js';
import { type Api, ApiError } from '../../provider/src/engine/api.js';
import type { AnyResource as ProviderResource } from '../../provider/src/engine/fields.js';
import { resourceShapes } from '../../provider/src/schema/all-shapes.js';
import type { ResourceShape } from '../../provider/src/schema/resource-shape.js';
import { type Demand, noDemand } from '../../server/src/decide/placement.js';
import type { AnyResource } from '../../server/src/resource/resource.js';
import { contractTypes } from '../../server/src/resource/type-registry.js';
import type { Acknowledged } from './acknowledged.js';
import { type SimulatedChannelOptions, simulatedChannel } from './channel.js';
import type { Configuration, Declaration } from './declared.js';
import type { Seams } from './mutations.js';
import { needOf, needOfEach, plus, type RoomWatch, times } from './room.js';

/** What a client works with. */
export interface ClientOptions extends SimulatedChannelOptions {
  readonly configuration: Configuration;
  readonly acknowledged: Acknowledged;
  readonly newId: () => string;
  readonly note: (line: string) => void;
  /** Told of an answer that no client should ever get. */
  readonly onStrange: (what: string) => void;
  /** A bug that is put in. */
  readonly seams: Seams;
  readonly rooms: RoomWatch;
  /** Whether no call is lost or hangs: none is under way that nobody waits for. */
  readonly isCalm: () => boolean;
}

/** What the client knows of a resource that it made. */
interface Known {
  readonly key: string;
  readonly type: string;
  readonly id: string;
  readonly needs: readonly string[];
}

/** A resource that was sent to be made. */
interface Sent extends Omit<Known, 'id'> {
  readonly requestId: string;
  readonly resource: AnyResource;
}

const waitMs = 120_000;
const noRoom: ReadonlySet<string> = new Set(['FLEET_DOES_NOT_FIT', 'NO_ROOM_TO_GROW']);
/** Answers that leave open whether the call had its effect. */
const ambiguous: ReadonlySet<string> = new Set([
  ...['unavailable', 'deadline_exceeded', 'canceled', 'unknown', 'aborted'],
]);

/** The client. */
export class Client {
  readonly #options: ClientOptions;
  readonly #api: Api;
  readonly #state = new Map<string, Known>();
  /** What was sent to be made, and may have been. */
  readonly #sent = new Map<string, Sent>();
  /** What there was no room for when it was asked for last. */
  readonly withoutRoom = new Set<string>();
  /** What was asked for and may still be under way, by the keys of who asked. */
  readonly #asked = new Map<string, Demand>();
  /** Resources that an apply is at. */
  readonly pending = new Set<string>();
  #running: Promise<void> | undefined;

  constructor(options: ClientOptions) {
    this.#options = options;
    const { clock, newId, seams } = options;
    const channel = simulatedChannel(options);
    const { signal: stopping } = new AbortController();
    // Each call that is under way listens to it.
    setMaxListeners(0, stopping);
    this.#api = createApiClient({
      settings: { endpoint: '', token: '', caCertificate: undefined, disruptionLimit: undefined },
      channel: seams.channel?.(channel, newId) ?? channel,
      stopping,
      nowMs: () => clock.nowMs(),
      timers: clock,
      planId: '',
    });
  }

  /** Whether an apply is under way. */
  get isBusy(): boolean {
    return this.#running !== undefined;
  }

  /** Ids of what it made, by the keys of the configuration. */
  get ids(): ReadonlyMap<string, string> {
    return new Map([...this.#state].map(([key, { id }]) => [key, id]));
  }

  /** Begins to apply the configuration, unless it is at it. */
  apply(): void {
    this.#running ??= this.#apply().finally(() => {
      this.#running = undefined;
    });
  }

  /** What an apply would do: a line for each change. Throws ApiError where that can't be read. */
  async plan(): Promise<readonly string[]> {
    const declared = this.#options.configuration.declarations();
    const lines: string[] = [];
    for (const declaration of declared) {
      const found = await this.#read(declaration.key);
      if (found === undefined) lines.push(`create ${declaration.key}`);
      else if (this.#paths(declaration, found).length > 0) lines.push(`update ${declaration.key}`);
    }
    const wanted = new Set(declared.map(({ key }) => key));
    const known = new Set([...this.#state.keys(), ...this.#sent.keys()]);
    for (const key of known) if (!wanted.has(key)) lines.push(`delete ${key}`);
    return lines;
  }

  async #apply(): Promise<void> {
    const declared = this.#options.configuration.declarations();
    const done = new Map<string, Promise<boolean>>();
    for (const declaration of declared) {
      const before = declaration.needs.map((key) => done.get(key) ?? Promise.resolve(false));
      const all = Promise.all(before).then((ready) => ready.every((one) => one));
      done.set(
        declaration.key,
        all.then((isReady) => isReady && this.#ensure(declaration)),
      );
    }
    await Promise.all(done.values());
    await this.#removeUndeclared(new Set(declared.map(({ key }) => key)));
  }

  /** Removes what is no longer declared: what uses others before those. */
  async #removeUndeclared(wanted: ReadonlySet<string>): Promise<void> {
    // What may have been made is found by asking for it again; then it can be removed.
    for (const sent of [...this.#sent.values()].filter(({ key }) => !wanted.has(key))) {
      await this.#send(sent).catch((error: unknown) => this.#failed(`find ${sent.key}`, error));
    }
    const going = [...this.#state.values()].filter(({ key }) => !wanted.has(key));
    const done = new Map<string, Promise<void>>();
    for (const known of going.reverse()) {
      const users = going.filter(({ needs }) => needs.includes(known.key));
      const before = users.map(({ key }) => done.get(key));
      done.set(
        known.key,
        Promise.all(before).then(() => this.#remove(known)),
      );
    }
    await Promise.all(done.values());
  }

  /** Makes a resource as declared; says whether it is there. */
  async #ensure(declaration: Declaration): Promise<boolean> {
    const { key } = declaration;
    this.pending.add(key);
    const wasThere = this.#watchRoom(declaration);
    try {
      const found = await this.#read(key);
      const paths = found === undefined ? [] : this.#paths(declaration, found);
      if (found === undefined) await this.#create(declaration);
      else if (paths.length > 0) await this.#update(declaration, found, paths);
      this.withoutRoom.delete(key);
      this.#asked.delete(key);
      return true;
    } catch (error) {
      if (error instanceof ApiError && noRoom.has(error.reason)) {
        this.withoutRoom.add(key);
        this.#asked.delete(key);
        if (wasThere()) this.#options.onStrange(`${key} found no room where there was: ${error}`);
      }
      return this.#failed(`apply ${key}`, error);
    } finally {
      wasThere();
      this.pending.delete(key);
    }
  }

  /** Looks on whether there is room for what is asked for, while it is. */
  #watchRoom({ key, type, make }: Declaration): () => boolean {
    const id = this.#state.get(key)?.id;
    if (type !== 'vm_fleet' && (type !== 'vm' || id === undefined)) return () => false;
    const { rooms, isCalm } = this.#options;
    // What may have been made is sent again as it was, whatever is declared since.
    const resource: unknown = this.#sent.get(key)?.resource ?? make((other) => this.#idOf(other));
    const [fleet, vm] = [resource as VmFleet, resource as VirtualMachine];
    const asks =
      type === 'vm' ? ({ kind: 'vm', vm } as const) : ({ kind: 'fleet', fleet } as const);
    const own = type === 'vm' ? needOf(vm) : times(needOfEach(fleet), fleet.spec?.replicas ?? 0);
    // One that was given up on may have been given room, and may still give it back.
    const others = [...this.#asked].filter(([other]) => other !== key).map(([, one]) => one);
    this.#asked.set(key, own);
    return rooms.begin({ asks, id, others: others.reduce(plus, isCalm() ? noDemand : own) });
  }

  async #create(declaration: Declaration): Promise<void> {
    const { key, type, needs, make } = declaration;
    const sent = this.#sent.get(key) ?? {
      ...{ key, type, needs, requestId: this.#options.newId() },
      resource: make((other) => this.#idOf(other)),
    };
    const created = await this.#send(sent);
    await this.#api.wait(shapeOf(type), { resource: created, until: 'ready', timeoutMs: waitMs });
  }

  /** Sends what is to be made; with the same request id again, where it may have been made. */
  async #send(sent: Sent): Promise<ProviderResource> {
    const { key, type, needs, requestId, resource } = sent;
    const { acknowledged, note } = this.#options;
    this.#sent.set(key, sent);
    try {
      const created = await this.#api.create(shapeOf(type), asProvider(resource), requestId);
      this.#sent.delete(key);
      note(`created ${key} ${created.id}`);
      this.#state.set(key, { key, type, id: created.id, needs });
      acknowledged.written(type, created.id, resource);
      return created;
    } catch (error) {
      if (!(error instanceof ApiError) || !ambiguous.has(error.code)) this.#sent.delete(key);
      throw error;
    }
  }

  async #update(
    { key, type, needs, make }: Declaration,
    found: ProviderResource,
    paths: readonly string[],
  ): Promise<void> {
    const { acknowledged, note } = this.#options;
    const resource = make((other) => this.#idOf(other));
    resource.id = found.id;
    acknowledged.attempted(found.id, resource);
    const question = { resource: asProvider(resource), paths, etag: found.etag };
    const updated = await this.#api.update(shapeOf(type), question);
    note(`updated ${key} ${paths.join()}`);
    this.#state.set(key, { key, type, id: found.id, needs });
    acknowledged.written(type, found.id, resource);
    await this.#api.wait(shapeOf(type), { resource: updated, until: 'ready', timeoutMs: waitMs });
  }

  async #remove({ key, type, id }: Known): Promise<void> {
    const { acknowledged, note } = this.#options;
    try {
      acknowledged.deleting(id);
      const going = await this.#api.delete(shapeOf(type), id);
      note(`deleted ${key} ${id}`);
      acknowledged.deleted(id);
      const waiting = { until: 'gone', timeoutMs: waitMs } as const;
      const result =
        going && (await this.#api.wait(shapeOf(type), { resource: going, ...waiting }));
      if (result === undefined || result.outcome === 'reached') this.#state.delete(key);
    } catch (error) {
      this.#failed(`remove ${key}`, error);
    }
  }

  async #read(key: string): Promise<ProviderResource | undefined> {
    const known = this.#state.get(key);
    if (known === undefined) return undefined;
    const found = await this.#api.get(shapeOf(known.type), known.id);
    if (found === undefined) this.#options.onStrange(`${key} ${known.id} is gone`);
    return found;
  }

  /** The paths in which a resource is not as declared. */
  #paths({ type, make }: Declaration, found: ProviderResource): readonly string[] {
    const wanted = make((other) => this.#idOf(other)) as unknown as ProviderResource;
    const paths: string[] = [];
    if (JSON.stringify(wanted.labels) !== JSON.stringify(found.labels)) paths.push('labels');
    const { spec } = contractTypes.get(type);
    for (const field of spec.fields) {
      if (field.oneof !== undefined) continue;
      const of = ({ spec: one }: ProviderResource): unknown =>
        (one as unknown as Record<string, unknown>)[field.localName];
      const isSame = sameField(spec, field.localName, [of(wanted), of(found)]);
      if (!isSame) paths.push(`spec.${field.name}`);
    }
    return paths;
  }

  #idOf(key: string): string {
    const known = this.#state.get(key);
    if (known === undefined) throw new Error(`${key} is not made yet`);
    return known.id;
  }

  #failed(what: string, error: unknown): false {
    if (!(error instanceof ApiError)) throw error;
    const { code, message, reason } = error;
    this.#options.note(`cannot ${what}: ${code} ${reason}`);
    if (strange.has(code)) this.#options.onStrange(`${what}: ${code} ${reason}: ${message}`);
    return false;
  }
}

/** Codes that say that client or server are wrong, not the world. */
const strange: ReadonlySet<string> = new Set([
  ...['internal', 'unimplemented', 'data_loss', 'invalid_argument', 'unauthenticated'],
  ...['already_exists', 'permission_denied', 'out_of_range'],
]);

/** Whether a field has the same value in two specs. */
function sameField(spec: DescMessage, name: string, [a, b]: readonly [unknown, unknown]): boolean {
  if (a === undefined || b === undefined) return a === b;
  const only = (value: unknown) => Object.assign(create(spec), { [name]: value });
  return equals(spec, only(a), only(b));
}

/** A resource of the contract is the same to both; each of them has a type of its own for it. */
const asProvider = (resource: AnyResource): ProviderResource =>
  resource as unknown as ProviderResource;

/** Made once for all runs: a shape is read from the contract alone. */
const shapes = new Map<string, ResourceShape>();

/** What Terraform makes of a type. */
export function shapeOf(type: string): ResourceShape {
  let shape = shapes.get(type);
  if (shape === undefined) {
    shape = resourceShapes().get(`limiquantix_${type}`)?.();
    if (shape === undefined) throw new Error(`Terraform has no type ${type}`);
    shapes.set(type, shape);
  }
  return shape;
}
