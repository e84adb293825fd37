/**
 * The standard methods over all resource types, through a real TLS listener. What is about one type
 * is only its spec, which is made from the contract's rules.
 */
import { randomBytes } from 'node:crypto';
import { create, type Message } from '@bufbuild/protobuf';
import { Code, ConnectError } from '@connectrpc/connect';
import { NodePhase, NodeStatusSchema } from '@limiquantix/proto/compute/v1/node_pb.js';
import {
  BadRequestSchema,
  ErrorInfoSchema,
} from '@limiquantix/proto/google/rpc/error_details_pb.js';
import { EventType } from '@limiquantix/proto/resource/v1/resource_pb.js';
import { leastSpec, typesOfUsers } from '../../../test/generated/least-message.js';
import { admission } from '../decide/admission-table.js';
import { behaviorOf, findField } from '../resource/field-access.js';
import type { AnyResource } from '../resource/resource.js';
import { contractTypes, type ResourceType, writeMethodsOf } from '../resource/type-registry.js';
import { startTestInstallation, type TestInstallation } from './test-installation.js';

let installation: TestInstallation;
const systemClock = {
  nowMs: () => Date.now(),
  after(delayMs: number, fn: () => void) {
    const timer = setTimeout(fn, delayMs);
    return () => clearTimeout(timer);
  },
};

/** A spec of each type, from the contract's rules. */
const specs: Record<string, Message> = {};

interface Answer {
  readonly resource: AnyResource;
  readonly verdict?: { changes: { path: string }[] };
}

/** The standard methods of a type, whatever its messages are called. */
function api(type: ResourceType, token?: string) {
  const client = installation.client(type.service, token === undefined ? {} : { token });
  const call = (name: string) =>
    (client as Record<string, (input: object, options?: object) => unknown>)[name] ??
    (() => undefined);
  const { get, list, watch } = type.methods;
  const { create, update, delete: remove } = writeMethodsOf(type);
  const resourceOf = (answer: unknown, field: string): Answer => {
    const bag = answer as Record<string, never>;
    return { resource: bag[field] as never, verdict: bag['verdict'] as never };
  };
  return {
    create: async (resource: object, rest: object = {}) =>
      resourceOf(
        await call(create.method.localName)({ [create.request.localName]: resource, ...rest }),
        create.response.localName,
      ),
    get: async (id: string) =>
      resourceOf(await call(get.method.localName)({ id }), get.response.localName).resource,
    list: async (input: object = {}) => {
      const page = (await call(list.method.localName)(input)) as Record<string, never>;
      return {
        resources: page[list.response.localName] as unknown as AnyResource[],
        nextPageToken: page['nextPageToken'] as unknown as string,
        revision: page['revision'] as unknown as bigint,
      };
    },
    update: async (resource: object, paths: string[], rest: object = {}) =>
      resourceOf(
        await call(update.method.localName)({
          [update.request.localName]: resource,
          updateMask: { paths },
          ...rest,
        }),
        update.response.localName,
      ),
    remove: async (id: string, rest: object = {}) =>
      resourceOf(await call(remove.method.localName)({ id, ...rest }), remove.response.localName)
        .resource,
    watch: (input: object, signal: AbortSignal) =>
      call(watch.method.localName)(input, { signal }) as AsyncIterable<
        { type: EventType; revision: bigint } & Record<string, AnyResource>
      >,
  };
}

const refusal = async (work: Promise<unknown>) => {
  const error = await work.then(
    () => undefined,
    (cause: unknown) => ConnectError.from(cause),
  );
  if (error === undefined) throw new Error('was not refused');
  const [info] = error.findDetails(ErrorInfoSchema);
  const [bad] = error.findDetails(BadRequestSchema);
  const fields = bad?.fieldViolations.map(({ field }) => field) ?? [];
  return { code: error.code, reason: info?.reason, fields, message: error.rawMessage };
};

// On a machine that is busy with other suites, a start takes longer than jest allows by itself.
jest.setTimeout(60_000);

beforeAll(async () => {
  installation = await startTestInstallation({
    clock: systemClock,
    admission,
    random: () => randomBytes(4).readUInt32LE(0) / 2 ** 32,
  });
  await makeRoom();
  for (const name of typesOfUsers) specs[name] = await leastSpec(name, 0, dependency);
});
afterAll(() => installation.stop());

/** A node that fleets find room on, in a world where no agent says what it has. */
async function makeRoom(): Promise<void> {
  const { resource } = await api(contractTypes.get('node')).create({ name: 'roomy', spec: {} });
  const memory = { totalMib: 65_536n };
  const status = { phase: NodePhase.READY, cpu: { total: 64 }, memory };
  const key = { type: 'node', id: resource.id };
  await installation.writer.writeStatus(key, () => create(NodeStatusSchema, status));
}

const made = new Map<string, Promise<string>>();

/** A resource for others to refer to, made at the first use. */
const dependency = (name: string, n: number): Promise<string> => {
  const key = `${name.replaceAll('_', '-')}-${n}`;
  let id = made.get(key);
  if (id === undefined) {
    const create = async (): Promise<string> => {
      const spec = await leastSpec(name, n + 2, dependency);
      return (await api(contractTypes.get(name)).create({ name: `base-${key}`, spec })).resource.id;
    };
    id = create();
    made.set(key, id);
  }
  return id;
};

describe.each(typesOfUsers)('%s', (name) => {
  const type = contractTypes.get(name);
  const spec = () => specs[name];
  const methods = () => api(type);

  it('is stored with its header and found again', async () => {
    const { resource } = await methods().create({
      name: 'one',
      labels: { a: 'b' },
      spec: spec(),
      id: 'ignored',
      generation: 9n,
    });
    expect(resource).toMatchObject({
      name: 'one',
      projectId: type.scope === 'project' ? 'default' : '',
      generation: 1n,
      createdBy: 'user:tester',
    });
    expect(resource.id).toMatch(/^[0-9a-f-]{36}$/);
    expect(resource.status).toBeDefined();
    expect(await methods().get(resource.id)).toEqual(resource);
    const { resources } = await methods().list({ filter: 'labels.a=b' });
    expect(resources).toEqual([resource]);
  });

  it('is refused with a bad name, a taken name, and without a spec', async () => {
    const bad = await refusal(methods().create({ name: 'Web Server', spec: spec() }));
    expect(bad).toMatchObject({ code: Code.InvalidArgument, fields: ['name'] });
    expect(bad.message).toContain('lower-case letter');
    expect(bad.message).toContain('"Web Server"');
    const taken = await refusal(methods().create({ name: 'one', spec: spec() }));
    const { resources } = await methods().list({ filter: 'name=one' });
    expect(taken).toMatchObject({ code: Code.AlreadyExists, reason: 'NAME_TAKEN' });
    expect(taken.message).toContain(resources[0]?.id);
    const field = findField(type.message, 'spec');
    if (field === undefined || !behaviorOf(field).required) return;
    const none = await refusal(methods().create({ name: 'two' }));
    expect(none).toMatchObject({ code: Code.InvalidArgument, fields: ['spec'] });
  });

  it('gives one resource for one request id, also to concurrent requests', async () => {
    const request = () =>
      methods().create({ name: 'same', spec: spec() }, { requestId: `${name}-1` });
    const answers = await Promise.all([request(), request(), request()]);
    const later = await request();
    expect(new Set([...answers, later].map(({ resource }) => resource.id)).size).toBe(1);
    const other = methods().create({ name: 'other', spec: spec() }, { requestId: `${name}-1` });
    expect(await refusal(other)).toMatchObject({ reason: 'REQUEST_ID_REUSED' });
  });

  it('lets one of many concurrent creates have a name', async () => {
    const results = await Promise.allSettled(
      Array.from({ length: 8 }, () => methods().create({ name: 'contended', spec: spec() })),
    );
    expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
  });

  it('changes the fields that the mask names and no other', async () => {
    const { resource } = await methods().create({ name: 'three', description: 'x', spec: spec() });
    const { resource: changed } = await methods().update(
      { id: resource.id, labels: { c: 'd' }, description: 'ignored' },
      ['labels'],
    );
    expect(changed).toMatchObject({ labels: { c: 'd' }, description: 'x', generation: 1n });
    expect(changed.etag).not.toBe(resource.etag);
    expect(changed.revision).toBeGreaterThan(resource.revision);
    const again = await methods().update({ id: resource.id, labels: { c: 'd' } }, ['labels']);
    expect(again.resource.revision).toBe(changed.revision);
    const stale = methods().update({ id: resource.id, description: 'y' }, ['description'], {
      etag: resource.etag,
    });
    const refused = await refusal(stale);
    expect(refused).toMatchObject({ code: Code.Aborted, reason: 'ETAG_STALE' });
    for (const etag of [resource.etag, changed.etag]) expect(refused.message).toContain(etag);
    // Brought a second time, the change is there already; after a newer one it is refused.
    const twice = await methods().update({ id: resource.id, labels: { c: 'd' } }, ['labels'], {
      etag: resource.etag,
    });
    expect(twice.resource).toMatchObject({ revision: changed.revision, etag: changed.etag });
    await methods().update({ id: resource.id, labels: { newer: 'yes' } }, ['labels']);
    const late = methods().update({ id: resource.id, labels: { c: 'd' } }, ['labels'], {
      etag: resource.etag,
    });
    expect(await refusal(late)).toMatchObject({ reason: 'ETAG_STALE' });
    const unknown = methods().update({ id: resource.id }, ['spec.nonsense']);
    expect(await refusal(unknown)).toMatchObject({ fields: ['update_mask'] });
  });

  it('only tells what would happen', async () => {
    const { resource } = await methods().create(
      { name: 'dry', spec: spec() },
      { validateOnly: true },
    );
    expect(await refusal(methods().get(resource.id))).toMatchObject({ code: Code.NotFound });
    const { resources } = await methods().list({ filter: 'name=one' });
    const [one] = resources;
    const { verdict } = await methods().update(
      { id: one?.id, description: 'new' },
      ['description'],
      { validateOnly: true },
    );
    expect(verdict?.changes.map(({ path }) => path)).toEqual(['description']);
    expect((await methods().get(one?.id ?? '')).description).toBe('');
  });

  it('is listed with the fields that are asked for', async () => {
    const all = await methods().list();
    const some = await methods().list({ readMask: { paths: ['id', 'revision'] } });
    expect(some.resources.map(({ id, revision }) => [id, revision])).toEqual(
      all.resources.map(({ id, revision }) => [id, revision]),
    );
    for (const one of some.resources) expect([one.name, one.spec]).toEqual(['', undefined]);
    const wrong = await refusal(methods().list({ readMask: { paths: ['nmae'] } }));
    expect(wrong).toMatchObject({ code: Code.InvalidArgument, fields: ['read_mask'] });
  });

  it('is listed in pages that are taken at one revision', async () => {
    const first = await methods().list({ pageSize: 2, orderBy: 'name' });
    const all = await methods().list({ orderBy: 'name' });
    await methods().create({ name: 'aaa-later', spec: spec() });
    const names = first.resources.map(({ name }) => name);
    for (let token = first.nextPageToken; token !== ''; ) {
      const page = await methods().list({ pageSize: 2, orderBy: 'name', pageToken: token });
      expect(page.revision).toBe(first.revision);
      names.push(...page.resources.map(({ name }) => name));
      token = page.nextPageToken;
    }
    expect(names).toEqual(all.resources.map(({ name }) => name));
    const wrong = methods().list({ pageToken: first.nextPageToken });
    expect(await refusal(wrong)).toMatchObject({ fields: ['page_token'] });
  });

  it('is watched from its beginning and from any revision', async () => {
    const stop = new AbortController();
    const field = type.methods.watch.response.localName;
    const seen: string[] = [];
    const { revision } = await methods().list();
    const watching = (async () => {
      const filter = 'name=watched';
      for await (const event of methods().watch({ fromRevision: 0n, filter }, stop.signal)) {
        seen.push(`${EventType[event.type]} ${event[field]?.description ?? ''}`.trim());
        if (event.type === EventType.DELETED) break;
      }
    })();
    const { resource } = await methods().create({
      name: 'watched',
      description: '1',
      spec: spec(),
    });
    await methods().update({ id: resource.id, description: '2' }, ['description']);
    await methods().remove(resource.id);
    for (const child of childrenOf(resource.id)) {
      await installation.writer.requestDeletion(child);
      expect(await installation.writer.finalize(child)).toBe('gone');
    }
    expect(await installation.writer.finalize({ type: name, id: resource.id })).toBe('gone');
    await watching;
    expect(seen.filter((line) => line !== 'BOOKMARK')).toEqual([
      'ADDED 1',
      'MODIFIED 2',
      'MODIFIED 2',
      'DELETED 2',
    ]);
    const later: EventType[] = [];
    const options = { fromRevision: revision, filter: 'name=watched' };
    for await (const event of methods().watch(options, stop.signal)) {
      later.push(event.type);
      if (event.type === EventType.DELETED) break;
    }
    expect(later).toEqual([
      EventType.ADDED,
      EventType.MODIFIED,
      EventType.MODIFIED,
      EventType.DELETED,
    ]);
    stop.abort();
  });

  it('is not deleted while it is protected, and its name is free when it is gone', async () => {
    const { resource } = await methods().create({ name: 'four', protected: true, spec: spec() });
    expect(await refusal(methods().remove(resource.id))).toMatchObject({ reason: 'PROTECTED' });
    await methods().update({ id: resource.id, protected: false }, ['protected']);
    const gone = await methods().remove(resource.id);
    expect(gone.deletionRequestedAt).toBeDefined();
    expect(await methods().remove(resource.id)).toEqual(gone);
    const taken = await refusal(methods().create({ name: 'four', spec: spec() }));
    expect(taken.message).toContain('being deleted');
    for (const child of childrenOf(resource.id)) {
      await installation.writer.requestDeletion(child);
      await installation.writer.finalize(child);
    }
    await installation.writer.finalize({ type: name, id: resource.id });
    expect(await refusal(methods().get(resource.id))).toMatchObject({ reason: 'NOT_FOUND' });
    await methods().create({ name: 'four', spec: spec() });
  });
});

function childrenOf(id: string) {
  return contractTypes.types.flatMap(({ type }) =>
    installation.context.view
      .referrers(type, id)
      .filter((child) => child.owner?.id === id)
      .map((child) => ({ type, id: child.id })),
  );
}

it('logged nothing that somebody would have to look at', () => {
  expect(installation.errors).toEqual([]);
});
