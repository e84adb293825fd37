/** What each refusal of the API tells programs: its code, its reason and its details. */
import { Code, ConnectError } from '@connectrpc/connect';
import {
  BadRequestSchema,
  ErrorInfoSchema,
  PreconditionFailureSchema,
  QuotaFailureSchema,
  ResourceInfoSchema,
  RetryInfoSchema,
} from '@limiquantix/proto/google/rpc/error_details_pb.js';
import { ProjectService } from '@limiquantix/proto/identity/v1/project_service_pb.js';
import { VirtualNetworkService } from '@limiquantix/proto/network/v1/network_service_pb.js';
import { PortService } from '@limiquantix/proto/network/v1/port_service_pb.js';
import { VirtualClock } from '../reconcile/virtual-clock.js';
import { LimiError } from '../resource/error.js';
import { fromLimiError } from './errors.js';
import {
  type CallOptions,
  startTestInstallation,
  type TestInstallation,
} from './test-installation.js';

let installation: TestInstallation;

const clients = (protocol: CallOptions['protocol'] & string) => ({
  projects: installation.client(ProjectService, { protocol }),
  networks: installation.client(VirtualNetworkService, { protocol }),
  ports: installation.client(PortService, { protocol }),
});
type Clients = ReturnType<typeof clients>;

/** Everything that an error tells programs, without what is empty. */
function tellOf(cause: unknown) {
  const error = ConnectError.from(cause);
  const subjects = (violations: readonly { subject: string; description: string }[]) =>
    violations.map(({ subject, description }) => `${subject.split('/')[0]}: ${description}`);
  const told = {
    code: error.code,
    reason: error.findDetails(ErrorInfoSchema)[0]?.reason,
    fields: error
      .findDetails(BadRequestSchema)
      .flatMap(({ fieldViolations }) => fieldViolations.map(({ field }) => field)),
    conditions: error
      .findDetails(PreconditionFailureSchema)
      .flatMap(({ violations }) => violations.map(({ type }) => type)),
    quotas: error.findDetails(QuotaFailureSchema).flatMap(({ violations }) => subjects(violations)),
    resources: error.findDetails(ResourceInfoSchema).map(({ resourceType }) => resourceType),
    again: error.findDetails(RetryInfoSchema).map(({ retryDelay }) => retryDelay?.nanos),
  };
  const isSaid = ([, value]: [string, unknown]) => !Array.isArray(value) || value.length > 0;
  return Object.fromEntries(Object.entries(told).filter(isSaid));
}

const invalid = { code: Code.InvalidArgument };
const failed = { code: Code.FailedPrecondition };
const spec = {};

const cases: [string, (clients: Clients) => Promise<unknown>, object][] = [
  [
    'a resource that is not there',
    ({ projects }) => projects.getProject({ id: 'none' }),
    { code: Code.NotFound, reason: 'NOT_FOUND', resources: ['project'] },
  ],
  [
    'a name that is taken',
    async ({ projects }) => {
      await projects.createProject({ project: { name: 'twice', spec } });
      await projects.createProject({ project: { name: 'twice', spec } });
    },
    { code: Code.AlreadyExists, reason: 'NAME_TAKEN', fields: ['name'], resources: ['project'] },
  ],
  [
    'a field that breaks a rule',
    ({ projects }) => projects.createProject({ project: { name: 'No Label', spec } }),
    { ...invalid, reason: 'INVALID_FIELD', fields: ['name'] },
  ],
  [
    'a field that may not change',
    async ({ networks }) => {
      const cidr = '10.0.0.0/24';
      const wanted = { name: 'fixed', spec: { ipv4: { cidr } } };
      const { network } = await networks.createVirtualNetwork({ network: wanted });
      await networks.updateVirtualNetwork({
        network: { ...wanted, id: network?.id ?? '', projectId: 'elsewhere' },
        updateMask: { paths: ['project_id'] },
      });
    },
    { ...invalid, reason: 'IMMUTABLE', fields: ['project_id'] },
  ],
  [
    'a stale etag',
    async ({ projects }) => {
      const { project } = await projects.createProject({ project: { name: 'stale', spec } });
      const change = (description: string) =>
        projects.updateProject({
          project: { id: project?.id ?? '', description },
          updateMask: { paths: ['description'] },
          etag: project?.etag ?? '',
        });
      await change('1');
      await change('2');
    },
    { code: Code.Aborted, reason: 'ETAG_STALE', conditions: ['ETAG'] },
  ],
  [
    'the deletion of what is protected',
    async ({ projects }) => {
      const wanted = { name: 'kept', protected: true, spec };
      const { project } = await projects.createProject({ project: wanted });
      await projects.deleteProject({ id: project?.id ?? '' });
    },
    { ...failed, reason: 'PROTECTED', conditions: ['NOT_PROTECTED'] },
  ],
  [
    'the deletion of what is in use',
    async ({ networks, ports }) => {
      const wanted = { name: 'used', spec: { ipv4: { cidr: '10.0.1.0/24' } } };
      const { network } = await networks.createVirtualNetwork({ network: wanted });
      const networkId = network?.id ?? '';
      for (const name of ['a', 'b'])
        await ports.createPort({ port: { name, spec: { networkId } } });
      await networks.deleteVirtualNetwork({ id: networkId });
    },
    { ...failed, reason: 'IN_USE', conditions: ['NOT_IN_USE', 'NOT_IN_USE'] },
  ],
  [
    'a reference to what is not there',
    ({ ports }) => {
      const networkId = '0190a000-0000-7000-8000-000000000000';
      return ports.createPort({ port: { name: 'lost', spec: { networkId } } });
    },
    { ...invalid, reason: 'REFERENCE_NOT_FOUND', fields: ['spec.network_id'] },
  ],
  [
    'a change of what is being deleted',
    async ({ projects }) => {
      const { project } = await projects.createProject({ project: { name: 'going', spec } });
      const id = project?.id ?? '';
      await projects.deleteProject({ id });
      await projects.updateProject({
        project: { id, description: 'late' },
        updateMask: { paths: ['description'] },
      });
    },
    { ...failed, reason: 'BEING_DELETED', conditions: ['NOT_BEING_DELETED'] },
  ],
  [
    'a filter that can not be read',
    ({ projects }) => projects.listProjects({ filter: 'colour=red' }),
    { ...invalid, reason: 'FILTER_INVALID', fields: ['filter'] },
  ],
  [
    'an order that there is not',
    ({ projects }) => projects.listProjects({ orderBy: 'colour' }),
    { ...invalid, reason: 'INVALID_FIELD', fields: ['order_by'] },
  ],
  [
    'a page of another list',
    ({ projects }) => projects.listProjects({ pageToken: 'x' }),
    { ...invalid, reason: 'PAGE_TOKEN_INVALID', fields: ['page_token'] },
  ],
  [
    'a request id for something else',
    async ({ projects }) => {
      const requestId = 'the same for two';
      await projects.createProject({ project: { name: 'one', spec }, requestId });
      await projects.createProject({ project: { name: 'other', spec }, requestId });
    },
    { ...invalid, reason: 'REQUEST_ID_REUSED', fields: ['request_id'] },
  ],
  [
    'a revision that is to come',
    ({ projects }) => projects.listProjects({ revision: 1_000_000n }),
    { code: Code.OutOfRange, reason: 'COMPACTED' },
  ],
  [
    'no token',
    () => installation.client(ProjectService, { token: undefined }).listProjects({}),
    { code: Code.Unauthenticated, reason: 'TOKEN_MISSING' },
  ],
];

describe.each(['grpc', 'grpc-web', 'connect'] as const)('by %s', (protocol) => {
  beforeAll(async () => {
    installation = await startTestInstallation({ clock: new VirtualClock(Date.UTC(2026, 0, 1)) });
  }, 30_000);
  afterAll(() => installation.stop());

  it.each(cases)('%s', async (_, work, expected) => {
    const error = await work(clients(protocol)).then(
      () => undefined,
      (cause: unknown) => cause,
    );
    expect(tellOf(error)).toEqual(expected);
  });

  it('a stale etag tells both revisions', async () => {
    const { projects } = clients(protocol);
    const { project } = await projects.createProject({ project: { name: 'told', spec } });
    const { id = '', etag = '', revision = 0n } = project ?? {};
    expect(etag).toBe(String(revision));
    const change = (description: string) =>
      projects.updateProject({
        project: { id, description },
        updateMask: { paths: ['description'] },
        etag,
      });
    const { project: changed } = await change('1');
    const error = await change('2').catch((cause: unknown) => ConnectError.from(cause));
    expect((error as ConnectError).rawMessage).toContain(
      `at revision ${changed?.revision}; the request is based on its etag of revision ${revision}`,
    );
  });
});

it('a quota, and when to come again', () => {
  const error = new LimiError({
    code: Code.ResourceExhausted,
    reason: 'QUOTA_EXCEEDED',
    message: 'the project is full',
    quotas: [{ subject: 'project/p1', message: 'vms: 10 of 10 are used; 1 more was asked for' }],
    retryAfterMs: 250,
  });
  expect(tellOf(fromLimiError(error))).toEqual({
    code: Code.ResourceExhausted,
    reason: 'QUOTA_EXCEEDED',
    quotas: ['project: vms: 10 of 10 are used; 1 more was asked for'],
    again: [250_000_000],
  });
});
