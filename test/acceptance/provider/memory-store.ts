/**
 * What the in-memory control plane knows: resources by type and id, the events of their changes,
 * and a status that is brought about a few milliseconds after each write.
 */
import { createHash, randomUUID } from 'node:crypto';
import { clone, create, type DescMessage, equals, type Message } from '@bufbuild/protobuf';
import { timestampNow } from '@bufbuild/protobuf/wkt';
import { Code, ConnectError } from '@connectrpc/connect';
import { ErrorInfoSchema } from '@limiquantix/proto/google/rpc/error_details_pb.js';
import type { ResourceOptions } from '@limiquantix/proto/resource/v1/options_pb.js';
import { ConditionStatus, EventType } from '@limiquantix/proto/resource/v1/resource_pb.js';
import type { AnyResource, AnyStatus } from '../../../provider/src/engine/fields.js';

/** A resource type. */
export interface StoredType {
  readonly name: string;
  readonly message: DescMessage;
  readonly options: ResourceOptions;
}

/** A change of a resource. */
export interface StoredEvent {
  readonly type: EventType;
  readonly resource: AnyResource;
  readonly revision: bigint;
}

/** What becomes of a resource; the default is that it gets ready. */
export type Fate =
  | { readonly outcome: 'ready' }
  | { readonly outcome: 'failed' | 'waiting'; readonly reason: string; readonly message: string };

const settleMs = 5;

/** The store. */
export class MemoryStore {
  revision = 1n;
  /** What becomes of a resource with this name. */
  readonly fates = new Map<string, Fate>();
  /** Called before a chunk is taken; throws to break the upload off. */
  onChunk: (offset: number) => void = () => undefined;
  private readonly types = new Map<string, StoredType>();
  private readonly resources = new Map<string, Map<string, AnyResource>>();
  private readonly events = new Map<string, StoredEvent[]>();
  private readonly requests = new Map<string, string>();
  private readonly uploads = new Map<string, Buffer>();
  private readonly timers = new Set<NodeJS.Timeout>();
  private wake: (() => void)[] = [];
  private addresses = 10;
  private compactedAt = 0n;

  add(type: StoredType): void {
    this.types.set(type.name, type);
    this.resources.set(type.name, new Map());
    this.events.set(type.name, []);
  }

  /** Every resource of a type, as it is. */
  all(type: string): AnyResource[] {
    return [...this.ofType(type).values()];
  }

  create(type: StoredType, given: Message, requestId: string): AnyResource {
    const known = this.ofType(type.name).get(this.requests.get(requestId) ?? '');
    if (known !== undefined) return known;
    const resource = clone(type.message, given) as AnyResource;
    const project = resource.projectId === '' && type.options.scope === 1 ? 'default' : '';
    if (this.all(type.name).some(({ name }) => name === resource.name)) {
      throw new ConnectError(`a ${type.name} named "${resource.name}" exists`, Code.AlreadyExists);
    }
    resource.id = randomUUID();
    resource.projectId ||= project;
    resource.createdAt = timestampNow();
    resource.createdBy = 'test';
    resource.generation = 1n;
    resource.etag = this.nextEtag();
    this.requests.set(requestId, resource.id);
    return this.write(type, resource, EventType.ADDED);
  }

  update(
    type: StoredType,
    given: Message,
    { paths, etag }: { readonly paths: readonly string[]; readonly etag: string },
  ): AnyResource {
    const before = this.get(type, (given as AnyResource).id);
    const resource = clone(type.message, before) as AnyResource;
    for (const path of paths) copyPath(type.message, resource, given, path.split('.'));
    if (equals(type.message, before, resource)) return before;
    if (etag !== '' && etag !== before.etag) {
      const detail = {
        desc: ErrorInfoSchema,
        value: { reason: 'ETAG_STALE', domain: 'limiquantix' },
      };
      throw new ConnectError('it was changed meanwhile', Code.Aborted, undefined, [detail]);
    }
    resource.etag = this.nextEtag();
    if (paths.some((path) => path.startsWith('spec'))) resource.generation += 1n;
    return this.write(type, resource, EventType.MODIFIED);
  }

  get({ name, message }: StoredType, id: string): AnyResource {
    const found = this.ofType(name).get(id);
    if (found === undefined) throw new ConnectError(`no ${name} ${id}`, Code.NotFound);
    return clone(message, found) as AnyResource;
  }

  list(type: StoredType, { filter = '' }: { filter?: string }): AnyResource[] {
    const terms = filter === '' ? [] : filter.split(' AND ').map((term) => term.split('='));
    return this.all(type.name).filter((resource) =>
      terms.every(([path = '', value]) =>
        path === 'name' ? resource.name === value : resource.labels[path.slice(7)] === value,
      ),
    );
  }

  remove(type: StoredType, id: string): AnyResource {
    const resource = this.get(type, id);
    const stored = this.write(type, resource, EventType.MODIFIED, false);
    this.later(() => this.discard(type.name, id));
    return stored;
  }

  /** Takes a resource away at once, as somebody else would. */
  discard(type: string, id: string): void {
    const resource = this.ofType(type).get(id);
    if (resource === undefined) return;
    this.ofType(type).delete(id);
    this.tell(type, { type: EventType.DELETED, resource, revision: ++this.revision });
  }

  /** Changes a resource behind Terraform's back. */
  change(type: string, id: string, edit: (resource: AnyResource) => void): void {
    const stored = this.types.get(type);
    if (stored === undefined) throw new Error(`no type ${type}`);
    const resource = this.get(stored, id);
    edit(resource);
    resource.etag = this.nextEtag();
    this.write(stored, resource, EventType.MODIFIED, false);
  }

  /** Brings a resource's status about at once. */
  settleNow(type: string, id: string): void {
    const stored = this.types.get(type);
    if (stored !== undefined) this.settle(stored, id);
  }

  /** Forgets all events so far: a watch from before is refused. */
  compact(): void {
    this.compactedAt = this.revision;
    for (const events of this.events.values()) events.length = 0;
  }

  async *watch(type: StoredType, from: bigint, signal: AbortSignal): AsyncIterable<StoredEvent> {
    if (from < this.compactedAt) {
      const detail = {
        desc: ErrorInfoSchema,
        value: { reason: 'COMPACTED', domain: 'limiquantix' },
      };
      throw new ConnectError('too old', Code.OutOfRange, undefined, [detail]);
    }
    let position = from;
    while (!signal.aborted) {
      for (const event of this.events.get(type.name) ?? []) {
        if (event.revision <= position) continue;
        position = event.revision;
        yield event;
      }
      await new Promise<void>((resolve) => {
        this.wake.push(resolve);
        signal.addEventListener('abort', () => resolve(), { once: true });
      });
    }
  }

  upload(id: string): { receivedBytes: bigint; complete: boolean } {
    const received = this.uploads.get(id) ?? Buffer.alloc(0);
    return { receivedBytes: BigInt(received.length), complete: this.isUploaded(id) };
  }

  writeChunk(id: string, offset: number, data: Uint8Array) {
    this.onChunk(offset);
    const received = this.uploads.get(id) ?? Buffer.alloc(0);
    if (offset > received.length) throw new ConnectError('a gap', Code.FailedPrecondition);
    this.uploads.set(id, Buffer.concat([received.subarray(0, offset), data]));
    const image = this.types.get('image');
    if (image !== undefined && this.isUploaded(id)) {
      this.write(image, this.get(image, id), EventType.MODIFIED);
    }
    return this.upload(id);
  }

  /** Of a write that changes what is wanted. */
  private nextEtag(): string {
    return String(this.revision + 1n);
  }

  stop(): void {
    for (const timer of this.timers) clearTimeout(timer);
  }

  private isUploaded(id: string): boolean {
    const source = uploadSource(this.ofType('image').get(id));
    if (source === undefined) return true;
    const received = this.uploads.get(id);
    if (received === undefined || received.length < Number(source.sizeBytes)) return false;
    if (createHash('sha256').update(received).digest('hex') === source.sha256) return true;
    this.uploads.delete(id);
    throw new ConnectError('the SHA-256 is another', Code.DataLoss);
  }

  private write(
    type: StoredType,
    resource: AnyResource,
    event: EventType,
    settles = true,
  ): AnyResource {
    resource.revision = ++this.revision;
    const stored = clone(type.message, resource) as AnyResource;
    this.ofType(type.name).set(resource.id, stored);
    this.tell(type.name, { type: event, resource: stored, revision: resource.revision });
    if (settles) this.later(() => this.settle(type, resource.id));
    return resource;
  }

  /** Brings the status about, as reconcilers would. */
  private settle(type: StoredType, id: string): void {
    const resource = this.ofType(type.name).get(id);
    if (resource === undefined || (type.name === 'image' && !this.isUploaded(id))) return;
    const fate = this.fates.get(resource.name) ?? { outcome: 'ready' };
    const next = clone(type.message, resource) as AnyResource;
    const statusField = type.message.fields.find(({ name }) => name === 'status');
    if (statusField?.message === undefined) throw new Error('no status');
    const { $typeName: _, ...before } = next.status ?? ({} as AnyStatus);
    const spec = next.spec as unknown as Record<string, unknown>;
    next.status = create(statusField.message, {
      ...before,
      observedGeneration: next.generation,
      phase: 3,
      conditions: [readyCondition(fate)],
      ...(type.name === 'vm' ? { nics: this.nics(before, spec['nics']) } : {}),
      ...(type.name === 'port' ? this.addressesOf(spec) : {}),
    }) as AnyStatus;
    this.write(type, next, EventType.MODIFIED, false);
  }

  private nics(status: object, given: unknown): Record<string, unknown> {
    const before = (status as { nics?: Record<string, unknown> }).nics;
    const result: Record<string, unknown> = {};
    for (const [name, nic] of Object.entries((given ?? {}) as Record<string, unknown>)) {
      const { source } = nic as { source: { value: Record<string, unknown> } };
      const had = before?.[name];
      result[name] = had ?? { portId: randomUUID(), ...this.addressesOf(source.value) };
    }
    return result;
  }

  private addressesOf(spec: Record<string, unknown>): Record<string, unknown> {
    const given = (spec['ipAddresses'] as string[] | undefined) ?? [];
    const number = this.addresses++;
    return {
      macAddress:
        spec['macAddress'] ?? `02:00:00:00:00:${(number % 256).toString(16).padStart(2, '0')}`,
      ipAddresses: given.length > 0 ? given : [`10.0.0.${number}`],
    };
  }

  private tell(type: string, event: StoredEvent): void {
    this.events.get(type)?.push(event);
    const waking = this.wake;
    this.wake = [];
    for (const resolve of waking) resolve();
  }

  private later(act: () => void): void {
    const timer = setTimeout(() => {
      this.timers.delete(timer);
      act();
    }, settleMs);
    this.timers.add(timer);
  }

  private ofType(type: string): Map<string, AnyResource> {
    const found = this.resources.get(type);
    if (found === undefined) throw new Error(`no type ${type}`);
    return found;
  }
}

function readyCondition(fate: Fate) {
  const status = {
    ready: ConditionStatus.TRUE,
    failed: ConditionStatus.FAILED,
    waiting: ConditionStatus.FALSE,
  }[fate.outcome];
  const { reason, message } = fate.outcome === 'ready' ? { reason: 'Ready', message: '' } : fate;
  return { type: 'Ready', status, reason, message };
}

function uploadSource(image: AnyResource | undefined) {
  const spec = image?.spec as unknown as {
    source?: { source: { case?: string; value?: unknown } };
  };
  const source = spec?.source?.source;
  if (source?.case !== 'upload') return undefined;
  return source.value as { sizeBytes: bigint; sha256: string };
}

/** Copies one path of an update mask. */
function copyPath(desc: DescMessage, to: Message, from: Message, path: readonly string[]): void {
  const [name, ...rest] = path;
  const field = desc.fields.find((candidate) => candidate.name === name);
  if (field === undefined) throw new ConnectError(`no field ${name}`, Code.InvalidArgument);
  const [a, b] = [to, from] as unknown as Record<string, unknown>[];
  if (a === undefined || b === undefined) return;
  const { oneof } = field;
  if (oneof !== undefined) {
    const [target, source] = [a, b].map(
      (message) => message[oneof.localName] as { case?: string; value?: Message },
    );
    if (rest.length === 0 || target?.case !== field.localName) {
      if (source?.case === field.localName || target?.case === field.localName) {
        a[oneof.localName] = source;
      }
    } else if (
      field.message !== undefined &&
      target.value !== undefined &&
      source?.value !== undefined
    ) {
      copyPath(field.message, target.value, source.value, rest);
    }
    return;
  }
  if (rest.length === 0) a[field.localName] = b[field.localName];
  else if (field.message !== undefined) {
    copyPath(field.message, a[field.localName] as Message, b[field.localName] as Message, rest);
  }
}
