/**
 * Who may do what: every method of the contract, called by every built-in role of one project about
 * what is in it, about what is in another, and about what doesn't exist.
 */
import type { DescMethod, DescService, Message } from '@bufbuild/protobuf';
import { Code, ConnectError } from '@connectrpc/connect';
import { ErrorInfoSchema } from '@limiquantix/proto/google/rpc/error_details_pb.js';
import { contractFiles } from '@limiquantix/proto/registry.js';
import { countsInProjects } from '../decide/access.js';
import { VirtualClock } from '../reconcile/virtual-clock.js';
import type { AnyResource } from '../resource/resource.js';
import { contractTypes, type ResourceType } from '../resource/type-registry.js';
import { permissionOf } from './auth.js';
import { type AccessWorld, createAccessWorld, roles } from './test-access.js';
import { startTestInstallation, type TestInstallation } from './test-installation.js';

const methods = contractFiles.flatMap(({ services }) => services.flatMap((one) => one.methods));
const absent = '00000000-0000-7000-8000-000000000000';

let installation: TestInstallation;
let world: AccessWorld;
beforeAll(async () => {
  installation = await startTestInstallation({ clock: new VirtualClock(Date.UTC(2026, 0, 1)) });
  world = await createAccessWorld(installation);
});
afterAll(() => installation.stop());

const idOf = (type: string, project: string) => world.ids.get(`${type} ${project}`) ?? absent;
const tokenOf = (role: string) => world.tokens.get(role) ?? '';

const clients = new Map<string, Record<string, (request: object) => unknown>>();

/** What comes of a call, without what it was about. */
async function outcome(method: DescMethod, token: string, request: object) {
  const key = `${method.parent.typeName} ${token}`;
  const client =
    clients.get(key) ??
    (installation.client(method.parent as DescService, { token }) as unknown as Record<
      string,
      (request: object) => unknown
    >);
  clients.set(key, client);
  try {
    const answer = client[method.localName]?.(request);
    if (method.methodKind === 'unary') return { code: 'ok', answer: (await answer) as Message };
    for await (const event of answer as AsyncIterable<Message>)
      return { code: 'ok', answer: event };
    return { code: 'ok' };
  } catch (cause) {
    const error = ConnectError.from(cause);
    const [info] = error.findDetails(ErrorInfoSchema);
    return { code: Code[error.code], reason: info?.reason, message: error.rawMessage };
  }
}

const typeOf = ({ parent }: DescMethod): ResourceType | undefined =>
  contractTypes.types.find(({ service }) => service.typeName === parent.typeName);

type Where = 'blue' | 'red' | 'absent';

const isAboutCallers = ({ name }: DescMethod) => /^TestPermissions$|ShortLivedApiToken$/.test(name);

/** A request about something in a project, with nothing else that it needs. */
function requestFor(method: DescMethod, where: Where): object | undefined {
  if (isAboutCallers(method)) return undefined;
  const type = typeOf(method);
  const field = (name: string) => method.input.fields.some((one) => one.name === name);
  const write = type?.methods.write;
  if (type !== undefined && method === write?.create.method) {
    if (type.type === 'role_binding')
      return { roleBinding: { name: 'x', spec: { projectName: where } } };
    return type.scope === 'project'
      ? { [write.create.request.localName]: { projectId: where } }
      : undefined;
  }
  if (type !== undefined && method === write?.update.method) {
    return { [write.update.request.localName]: { id: idOf(type.type, where) } };
  }
  if (method.name === 'ExplainPlacement')
    return { question: { case: 'id', value: idOf('vm', where) } };
  if (field('id') && field('type')) return { type: 'image', id: idOf('image', where) };
  if (field('id') && type !== undefined) return { id: idOf(type.type, where), etag: 'stale' };
  if (method.name === 'TracePacket') return { portId: idOf('port', where) };
  if (method.name === 'GetNetworkTopology') return { projectId: where };
  return undefined;
}

const isAgents = (method: DescMethod) => permissionOf(method).startsWith('agent.');
const isVisible = (method: DescMethod) => {
  const type = typeOf(method);
  return (
    type !== undefined && [type.methods.list.method, type.methods.watch.method].includes(method)
  );
};
const cases = methods.filter((method) => !isAgents(method) && !isVisible(method));

/** Worked out anew, by what the roles' names promise. */
function isAllowed(role: string, method: DescMethod): boolean {
  const [type = '', verb = ''] = permissionOf(method).split('.');
  const isReading = verb === 'get' || verb === 'list';
  const isIdentity = method.parent.typeName.startsWith('limiquantix.identity.');
  const operates =
    /^(start|stop|reboot|reset|pause|resume|suspend|migrate|console|cancel|run)$/.test(verb) ||
    (/_snapshot$/.test(type) && verb === 'create');
  if (type === 'project' && !isReading) return false;
  if (role === 'admin' || isReading) return true;
  if (role === 'editor') return !isIdentity;
  return role === 'operator' && operates;
}

it.each(methods.map((method) => [`${method.parent.name}.${method.name}`, method] as const))(
  '%s names its permission in the contract',
  (_, method) => {
    expect(permissionOf(method)).toMatch(/^[a-z][a-z_]*[.][a-z][a-z_]*$/);
  },
);

describe.each(cases.map((method) => [`${method.parent.name}.${method.name}`, method] as const))(
  '%s',
  (_, method) => {
    const type = typeOf(method);
    const isInProjects = type === undefined || countsInProjects(type);

    const isAsked = () => requestFor(method, 'blue') !== undefined;

    it('does the same about what may not be read as about what does not exist', async () => {
      if (!isAsked() || !isInProjects) return;
      for (const role of ['nobody', ...roles]) {
        const token = tokenOf(role);
        const [red, none] = await Promise.all(
          (['red', 'absent'] as const).map(async (where) => {
            const request = requestFor(method, where) ?? {};
            const id = idOf(type?.type ?? '', 'red');
            const text = JSON.stringify(await outcome(method, token, request));
            const names = [id, absent, ...world.ids.values(), 'red', 'absent'];
            return names.reduce((all, name) => all.replaceAll(name, 'X'), text);
          }),
        );
        expect(red).toBe(none);
        expect(red).toMatch(/"(NotFound|PermissionDenied)"/);
      }
    });

    it('is done for the roles that have the permission', async () => {
      for (const role of roles) {
        const result = await outcome(method, tokenOf(role), requestFor(method, 'blue') ?? {});
        const refused = result.reason === 'PERMISSION_DENIED' || result.reason === 'NOT_FOUND';
        const isReadable = /[.](get|list)$/.test(permissionOf(method)) && type?.isShared === true;
        const isOwn = isAboutCallers(method);
        const isThere = isAsked() && isInProjects && isAllowed(role, method);
        expect({ role, refused }).toEqual({ role, refused: !(isThere || isReadable || isOwn) });
      }
    });

    it('is refused to who has proved nothing, whatever it is about', async () => {
      const all = (['blue', 'red', 'absent'] as const).map((where) =>
        outcome(method, 'lqx_none', requestFor(method, where) ?? {}),
      );
      for (const result of await Promise.all(all)) {
        expect(result).toMatchObject({ code: 'Unauthenticated', reason: 'TOKEN_MALFORMED' });
      }
    });
  },
);

describe.each(contractTypes.types.map((type) => [type.plural, type] as const))('%s', (_, type) => {
  it('are listed and watched as far as they may be read', async () => {
    const { list, watch } = type.methods;
    for (const role of ['nobody', ...roles]) {
      const token = tokenOf(role);
      const result = await outcome(list.method, token, {});
      if (!countsInProjects(type)) {
        const isSeen = type.isShared && role !== 'nobody';
        expect(result.code).toBe(isSeen ? 'ok' : 'PermissionDenied');
        expect((await outcome(watch.method, token, {})).code).toBe(result.code);
        continue;
      }
      const listed = (result.answer as unknown as Record<string, AnyResource[]>)[
        list.response.localName
      ];
      const projects = new Set(listed?.map((one) => projectIn(type, one)));
      expect([...projects]).toEqual(role === 'nobody' ? [] : ['blue']);
      expect(await watched(type, token)).toEqual(listed?.map(({ id }) => id).sort());
      const other = await outcome(list.method, token, { projectId: 'red' });
      const none = await outcome(list.method, token, { projectId: 'none' });
      expect(JSON.stringify(other.answer, withoutBig)).toBe(
        JSON.stringify(none.answer, withoutBig),
      );
    }
  });
});

const withoutBig = (_: string, value: unknown) => (typeof value === 'bigint' ? '' : value);

function projectIn(type: ResourceType, resource: AnyResource): string {
  if (type.type === 'project') return resource.name;
  const { projectName, owner } = (resource.spec ?? {}) as {
    projectName?: string;
    owner?: { value: string };
  };
  if (type.type === 'role_binding') return projectName ?? '';
  if (type.type !== 'api_token') return resource.projectId;
  return owner?.value === idOf('service_account', 'blue') ? 'blue' : 'other';
}

async function watched(type: ResourceType, token: string): Promise<string[]> {
  const { method, response } = type.methods.watch;
  const client = installation.client(method.parent as DescService, { token });
  const events = (client as unknown as Record<string, (request: object) => AsyncIterable<Message>>)[
    method.localName
  ]?.({});
  const found: string[] = [];
  for await (const event of events ?? []) {
    const resource = (event as unknown as Record<string, AnyResource | undefined>)[
      response.localName
    ];
    if (resource === undefined) break;
    found.push(resource.id);
  }
  return found.sort();
}
