import { Disruption } from '@limiquantix/proto/resource/v1/options_pb.js';
import { isUnknown, type ObjectValue, record, UNKNOWN } from '../value/value.js';
import { memoryFiles, shapeOf, whole } from './engine-testing.js';
import { type Plan, planResource } from './plan.js';

type Given = Readonly<Record<string, unknown>>;

const vm = shapeOf('vm');
const disk = (sizeGib: number): Given => ({ volume: { pool_id: 'p', size_gib: sizeGib } });
const base = {
  name: 'web',
  cpu: { cores: 2 },
  memory: { size_mib: 512 },
  disks: record([['root', whole(element('disks'), disk(4))]]),
  nics: record([
    ['lan', whole(element('nics'), { port: { network_id: 'n', ip_addresses: ['10.0.0.7'] } })],
    ['back', whole(element('nics'), { port: { network_id: 'n' } })],
  ]),
};
const observed = {
  id: '1',
  project_id: 'default',
  created_at: '2026-01-01T00:00:00Z',
  status: {
    phase: 'running',
    node_id: 'node-1',
    nics: record([
      [
        'lan',
        record([
          ['port_id', 'x'],
          ['mac_address', 'm1'],
          ['ip_addresses', ['10.0.0.7']],
        ]),
      ],
      [
        'back',
        record([
          ['port_id', 'y'],
          ['mac_address', 'm2'],
          ['ip_addresses', ['10.0.0.8']],
        ]),
      ],
    ]),
  },
};

function element(name: string) {
  const found = vm.object.byName.get(name)?.element;
  if (typeof found !== 'object') throw new Error(`no object ${name}`);
  return found;
}

function plan(
  prior: Given | null,
  config: Given | null,
  {
    files = {},
    shape = vm,
    limit,
  }: {
    files?: Readonly<Record<string, string>>;
    shape?: typeof vm;
    limit?: Disruption | undefined;
  } = {},
): Promise<Plan> {
  const full = (value: Given | null) => (value === null ? null : whole(shape.object, { ...value }));
  const question = { prior: full(prior), config: full(config), private: {} };
  return planResource(shape, question, {
    files: memoryFiles(files),
    newRequestId: () => 'r1',
    disruptionLimit: limit,
  });
}

const status = ({ planned }: Plan): ObjectValue => planned?.['status'] as ObjectValue;
const nic = (result: Plan, name: string): ObjectValue =>
  (status(result)['nics'] as ObjectValue)[name] as ObjectValue;

test('a new resource: what the user wrote, defaults of the header, and the rest open', async () => {
  const result = await plan(null, base);
  expect(result.planned).toMatchObject({ name: 'web', project_id: 'default', labels: null });
  expect(isUnknown(result.planned?.['id'])).toBe(true);
  expect(result.private).toEqual({ requestId: 'r1' });
  expect(result.replace).toEqual([]);
});

test('a fixed address is known before anything is made', async () => {
  const result = await plan(null, base);
  expect(nic(result, 'lan')['ip_addresses']).toEqual(['10.0.0.7']);
  expect(nic(result, 'lan')['mac_address']).toBe(UNKNOWN);
  expect(nic(result, 'back')['ip_addresses']).toBe(UNKNOWN);
});

test('a change of the header alone leaves the status as it was', async () => {
  const result = await plan({ ...base, ...observed }, { ...base, labels: record([['a', 'b']]) });
  const prior = whole(vm.object, { ...base, ...observed });
  expect(result.planned?.['status']).toEqual(prior['status']);
  expect(result.planned?.['created_at']).toBe(observed.created_at);
});

test('a change of the spec keeps addresses and what is stable, and opens the rest', async () => {
  const disks = record([['root', whole(element('disks'), disk(8))]]);
  const result = await plan({ ...base, ...observed }, { ...base, disks });
  expect(result.replace).toEqual([]);
  expect(nic(result, 'back')).toMatchObject({ mac_address: 'm2', ip_addresses: ['10.0.0.8'] });
  expect(status(result)['node_id']).toBe('node-1');
  expect(isUnknown(status(result)['phase'])).toBe(true);
});

test('a change that may move the machine opens its node', async () => {
  const placement = { required_node_ids: ['n2'] };
  const result = await plan({ ...base, ...observed }, { ...base, placement });
  expect(isUnknown(status(result)['node_id'])).toBe(true);
});

test('a shrinking disk is refused, at its path', async () => {
  const disks = record([['root', whole(element('disks'), disk(2))]]);
  const { diagnostics } = await plan({ ...base, ...observed }, { ...base, disks });
  expect(diagnostics).toMatchObject([
    { severity: 'error', detail: expect.stringContaining("can't shrink from 4 to 2 GiB") },
  ]);
  expect(diagnostics[0]?.path).toHaveLength(4);
});

describe('what a change costs', () => {
  const before = { ...base, ...observed };
  const texts = async (after: Given, limit?: Disruption): Promise<string[]> =>
    (await plan(before, after, { limit })).diagnostics.map(
      ({ severity, detail }) => `${severity}: ${detail}`,
    );

  test('is told with the values before and after, at the one field', async () => {
    const { diagnostics } = await plan(before, { ...base, cpu: { cores: 4 } });
    expect(diagnostics).toMatchObject([
      {
        severity: 'warning',
        summary: 'Changes of limiquantix_vm "web" disturb what runs',
        detail: 'cpu.cores 2 → 4: restarts the virtual machine, if it runs.',
        path: [{ attribute: 'cpu' }, { attribute: 'cores' }],
      },
    ]);
  });

  test('is told of all fields in one warning', async () => {
    const after = { ...base, cpu: { cores: 4 }, memory: { size_mib: 1024 } };
    expect(await texts(after)).toEqual([
      'warning: - cpu.cores 2 → 4: restarts the virtual machine, if it runs\n' +
        '- memory.size_mib 512 → 1024: restarts the virtual machine, if it runs.',
    ]);
  });

  test('is no warning where it is nothing, or a replacement', async () => {
    expect(await texts({ ...base, labels: record([['a', 'b']]) })).toEqual([]);
    expect(await texts({ ...base, project_id: 'other' })).toEqual([]);
  });

  test.each<[string, Given, Disruption | undefined, boolean]>([
    ['a restart where all must be live', { allow_disruption: 'live' }, undefined, false],
    ['a restart where it may restart', { allow_disruption: 'restart' }, undefined, true],
    ['a restart where it may be replaced', { allow_disruption: 'replace' }, undefined, true],
    ['a restart that the provider does not allow', {}, Disruption.NEXT_BOOT, false],
    ['a restart that the resource allows', { allow_disruption: 'restart' }, Disruption.LIVE, true],
    ['a replacement', { allow_disruption: 'migrate', project_id: 'other' }, undefined, false],
    ['a word that is known later', { allow_disruption: UNKNOWN }, Disruption.LIVE, true],
  ])('%s', async (_, change, limit, isAllowed) => {
    const { diagnostics } = await plan(
      before,
      { ...base, cpu: { cores: 4 }, ...change },
      { limit },
    );
    const errors = diagnostics.filter(({ severity }) => severity === 'error');
    expect(errors.length === 0).toBe(isAllowed);
    for (const { path } of errors) expect(path.length).toBeGreaterThan(0);
  });

  test('says what would allow it', async () => {
    const after = { ...base, cpu: { cores: 4 }, allow_disruption: 'live' };
    expect(await texts(after)).toEqual([
      'error: cpu.cores 2 → 4: restarts the virtual machine, if it runs; allow_disruption = "live" ' +
        'allows no more than what takes effect while it runs. Give "restart" to allow it.',
    ]);
  });

  test('is nothing where only the default is written down', async () => {
    expect(await texts({ ...base, power_state: 'running', allow_disruption: 'live' })).toEqual([]);
  });
});

test.each<[string, object, string[]]>([
  ['another project', { project_id: 'other' }, ['project_id']],
  [
    'another pool of a disk',
    { disks: { root: { volume: { pool_id: 'q', size_gib: 4 } } } },
    ['disks,root,volume,pool_id'],
  ],
  [
    'a disk that turns into a volume',
    { disks: { root: { volume_id: 'v' } } },
    ['disks,root,volume_id', 'disks,root,volume'],
  ],
  ['a disk more', { disks: { root: disk(4), data: disk(1) } }, []],
  ['a nic less', { nics: { lan: { port: { network_id: 'n', ip_addresses: ['10.0.0.7'] } } } }, []],
])('%s: what is replaced for it', async (_, change, expected) => {
  const { replace } = await plan({ ...base, ...observed }, { ...base, ...change });
  const paths = replace.map((path) => path.map((step) => Object.values(step)[0]).join());
  expect(paths.sort()).toEqual(expected.sort());
});

test('secrets are in no plan', async () => {
  const display = { vnc: { password_wo: 'geheim', password_wo_version: 1 } };
  const result = await plan(null, { ...base, display });
  expect(JSON.stringify(result.planned)).not.toContain('geheim');
  expect(result.planned).toMatchObject({ display: { vnc: { password_wo_version: 1 } } });
});

test('deleting a protected resource is refused', async () => {
  const { diagnostics } = await plan({ ...base, ...observed, protected: true }, null);
  expect(diagnostics).toMatchObject([{ severity: 'error', path: [{ attribute: 'protected' }] }]);
  expect((await plan({ ...base, ...observed }, null)).diagnostics).toEqual([]);
});

describe('an uploaded file', () => {
  const image = shapeOf('image');
  const config = (upload: object): Given => ({ name: 'os', source: { upload } });

  test('gives its length and hash to the plan', async () => {
    const result = await plan(null, config({ file: 'a' }), {
      files: { a: 'content' },
      shape: image,
    });
    expect(result.planned).toMatchObject({
      source: { upload: { file: 'a', size_bytes: 7, sha256: 'content' } },
    });
  });

  test('of a name that is not known yet leaves them open', async () => {
    const result = await plan(null, config({ file: UNKNOWN }), { shape: image });
    const source = result.planned?.['source'] as { upload: { sha256: unknown } };
    expect(source.upload.sha256).toBe(UNKNOWN);
  });

  test('with another content replaces the resource; with another name it does not', async () => {
    const prior = {
      ...observed,
      status: null,
      ...config({ file: 'a', size_bytes: 7, sha256: 'content' }),
    };
    const given = { files: { a: 'other', b: 'content' }, shape: image };
    expect((await plan(prior, config({ file: 'a' }), given)).replace).not.toEqual([]);
    expect((await plan(prior, config({ file: 'b' }), given)).replace).toEqual([]);
  });

  test('that is not there or not the expected one is told at its attribute', async () => {
    const missing = await plan(null, config({ file: 'x' }), { shape: image });
    expect(missing.diagnostics[0]?.path.at(-1)).toEqual({ attribute: 'file' });
    const wrong = await plan(null, config({ file: 'a', sha256: 'b' }), {
      files: { a: 'content' },
      shape: image,
    });
    expect(wrong.diagnostics[0]?.path.at(-1)).toEqual({ attribute: 'sha256' });
  });
});

test('a machine made from a template may have interfaces that its own spec does not name', async () => {
  const made = { ...base, source: { template_id: 't' } };
  const result = await plan(null, made);
  expect(isUnknown(status(result)?.['nics'] ?? UNKNOWN)).toBe(true);
  const later = await plan({ ...made, ...observed }, { ...made, labels: record([['a', 'b']]) });
  expect(isUnknown(nic(later, 'lan'))).toBe(false);
});

test('a resource whose template changes in the same plan is shown as changed, and nothing else of it', async () => {
  const fleet = shapeOf('vm_fleet');
  const config = whole(fleet.object, { name: 'web', replicas: 2, template_id: 't' });
  const prior = { ...config, id: 'f', project_id: 'default', status: record([['phase', 'ready']]) };
  const question = { prior, config, private: {} };
  const effects = { files: memoryFiles({}), newRequestId: () => 'r' };
  const still = await planResource(fleet, question, effects);
  expect(still.planned?.['status']).toEqual(prior.status);
  const isChanging = (id: string): boolean => id === 't';
  const follows = await planResource(fleet, question, { ...effects, isChanging });
  const { status, ...rest } = follows.planned ?? {};
  expect(isUnknown(status ?? null) || status).not.toEqual(prior.status);
  expect(rest).toMatchObject({ name: 'web', replicas: 2, template_id: 't', id: 'f' });
  expect(follows).toMatchObject({ replace: [], diagnostics: [], changesSpec: false });
});
