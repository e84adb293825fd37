/**
 * What Terraform newer than the installed one asks a provider for, call by call: identities and what
 * can be imported by them, lists, actions, and upgrades. For every resource type, on simulated hosts.
 */
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { actionShapes } from '../../provider/src/schema/action-shape.js';
import { resourceShapes } from '../../provider/src/schema/all-shapes.js';
import { ephemeralShapes } from '../../provider/src/schema/ephemeral-shape.js';
import type { ResourceShape } from '../../provider/src/schema/resource-shape.js';
import { type ObjectValue, UNKNOWN } from '../../provider/src/value/value.js';
import { GeneratedInstallation } from './installation.js';
import { differences, type State } from './terraform-core.js';

jest.setTimeout(120_000);

let installation: GeneratedInstallation;
beforeAll(async () => {
  installation = await GeneratedInstallation.up();
});
afterAll(() => installation.down());

const types = [...resourceShapes()].map(([typeName, shapeOf]) => ({ typeName, shape: shapeOf() }));

const made = async (shape: ResourceShape, config: ObjectValue): Promise<State> => {
  const state = await installation.core.change(shape, null, config);
  if (state === null) throw new Error('nothing was made');
  return state;
};

describe.each(types)('$typeName', ({ typeName, shape }) => {
  test('is found by a list, imported by its identity, and then as it is declared', async () => {
    const { core } = installation;
    const name = `listed-${shape.type.replaceAll('_', '-')}`;
    const config = await installation.least(shape, name);
    const state = await made(shape, config);
    const id = String(state.value['id']);
    const found = await core.list(
      shape,
      { filter: `name=${name}` },
      { includeResourceObject: true },
    );
    expect(found).toMatchObject([
      { id, displayName: expect.stringMatching(new RegExp(`${name}$`)) },
    ]);
    const imported = await core.import(shape, { id });
    const read = imported?.value ?? null;
    expect(differences(found[0]?.resource ?? null, read).filter(isSteady)).toEqual([]);
    const { planned } = await core.plan(shape, imported, config);
    expect(differences(read, planned).filter(isIntent)).toEqual([]);
    expect(await core.list(shape, {}, { limit: 1 })).toHaveLength(1);
    expect(await core.list(shape, { filter: 'name=nobody-has-this' })).toEqual([]);
    await expect(core.list(shape, { filter: 'what is this' })).rejects.toThrow(
      /Invalid filter: Filter has the term/,
    );
    await core.change(shape, state, null);
  });

  test('keeps states and identities of today, and refuses those of tomorrow', async () => {
    const { core } = installation;
    const bytes = (text: string) => ({ json: Buffer.from(text) });
    const ask = (version: number) =>
      core.ask('upgradeResourceState', {
        typeName,
        version: BigInt(version),
        rawState: bytes('{"id":"x"}'),
      });
    const same = await ask(shape.schemaVersion);
    expect(Buffer.from(same.upgradedState?.json ?? []).toString()).toBe('{"id":"x"}');
    await expect(ask(shape.schemaVersion + 1)).rejects.toThrow(/a newer provider wrote it/i);
    const identity = (version: number) =>
      core.ask('upgradeResourceIdentity', {
        typeName,
        version: BigInt(version),
        rawIdentity: bytes('{"id":"x"}'),
      });
    expect((await identity(0)).upgradedIdentity).toBeDefined();
    await expect(identity(1)).rejects.toThrow(/a newer provider wrote it/i);
  });
});

test('names all that there is, and an identity for each resource', async () => {
  const named = await installation.core.ask('getMetadata', {});
  const names = (of: readonly { typeName: string }[]) => of.map(({ typeName }) => typeName).sort();
  const all = types.map(({ typeName }) => typeName).sort();
  expect(names(named.resources)).toEqual(all);
  expect(names(named.listResources)).toEqual(all);
  expect(names(named.actions)).toEqual([...actionShapes().keys()].sort());
  expect(names(named.ephemeralResources)).toEqual([...ephemeralShapes().keys()].sort());
  const { identitySchemas } = await installation.core.ask('getResourceIdentitySchemas', {});
  expect(Object.keys(identitySchemas).sort()).toEqual(all);
});

describe('actions', () => {
  const action = (name: string) => {
    const shape = actionShapes().get(`limiquantix_${name}`)?.();
    if (shape === undefined) throw new Error(`no action ${name}`);
    return shape;
  };
  let vmShape: ResourceShape;
  let id = '';
  beforeAll(async () => {
    vmShape = types.find(({ typeName }) => typeName === 'limiquantix_vm')?.shape as ResourceShape;
    const config = await installation.least(vmShape, 'acted-on');
    id = String((await made(vmShape, config)).value['id']);
  });
  const powerState = async () => {
    const state = await installation.core.import(vmShape, { id });
    return (state?.value['status'] as ObjectValue | undefined)?.['power_state'];
  };

  test.each([
    ['vm_start', {}, 'running'],
    ['vm_reboot', { force: true }, 'running'],
    ['vm_pause', {}, 'paused'],
    ['vm_resume', {}, 'running'],
    ['vm_stop', { force: true }, 'stopped'],
  ])('%s %j tells how far it is until the machine is %s', async (name, given, expected) => {
    const { progress, errors } = await installation.core.invoke(action(name), { id, ...given });
    expect(errors).toEqual([]);
    expect(progress.at(-1)).toMatch(/virtual-machine-[0-9a-f]+: .*(done|100%)/);
    expect(await powerState()).toBe(expected);
  });

  test('a snapshot is taken', async () => {
    const given = { id, name: 'by-an-action' };
    const { errors } = await installation.core.invoke(action('vm_create_snapshot'), given);
    expect(errors).toEqual([]);
    const shape = types.find(({ typeName }) => typeName === 'limiquantix_vm_snapshot')?.shape;
    const found = await installation.core.list(shape as ResourceShape, {
      filter: 'name=by-an-action',
    });
    expect(found).toHaveLength(1);
  });

  test('an edit is made, and what begins no operation ends at once', async () => {
    const [node] = await installation.core.list(
      types.find(({ typeName }) => typeName === 'limiquantix_node')?.shape as ResourceShape,
      {},
    );
    const given = { id: node?.id ?? '' };
    for (const name of ['node_disable', 'node_enable']) {
      expect(await installation.core.invoke(action(name), given)).toEqual({
        progress: [],
        errors: [],
      });
    }
  });

  test('what nobody can do, and what is not there, are refused with the reason', async () => {
    const { core } = installation;
    const exec = { id, program: '/bin/true' };
    expect((await core.invoke(action('vm_guest_exec'), exec)).errors).toEqual([
      expect.stringMatching(/^Cannot carry out limiquantix_vm_guest_exec: .* is not supported/),
    ]);
    const nobody = { id: randomUUID() };
    expect((await core.invoke(action('vm_start'), nobody)).errors).toEqual([
      expect.stringMatching(/there is no .* with the id/i),
    ]);
  });

  test('arguments are judged before anything is done, as far as they are known', async () => {
    const { core } = installation;
    const snapshot = action('vm_create_snapshot');
    expect(await core.actionErrors(snapshot, { id: UNKNOWN, name: UNKNOWN })).toEqual([]);
    expect(await core.actionErrors(snapshot, { id, name: 'Not A Name' })).toEqual([
      expect.stringMatching(/^Invalid name: .*"Not A Name"/),
    ]);
    const long = { id, graceful_seconds: 100_000 };
    expect(await core.actionErrors(action('vm_stop'), long)).toEqual([
      expect.stringMatching(/^Invalid graceful_seconds/),
    ]);
  });
});

test.each([...actionShapes()])(
  '%s has an example with the arguments that it needs',
  (name, shapeOf) => {
    const file = join(process.cwd(), 'examples', 'actions', name, 'action.tf');
    const config = /^action "(\w+)" "\w+" \{\n {2}config \{\n([\s\S]*?)^ {2}\}/m.exec(
      readFileSync(file, 'utf8'),
    );
    expect(config?.[1]).toBe(name);
    const given = [...(config?.[2] ?? '').matchAll(/^ {4}(\w+) +=/gm)].map(
      ([, argument]) => argument,
    );
    const { attributes } = shapeOf().request;
    expect(attributes.map((one) => one.name)).toEqual(expect.arrayContaining(given));
    const needed = attributes.filter(({ mode }) => mode === 'required').map((one) => one.name);
    expect(given).toEqual(expect.arrayContaining(needed));
  },
);

const isIntent = (path: string): boolean => !/^(status|timeouts|allow_disruption)(\.|$)/.test(path);
/** What the control plane may still be finding out while it is looked at twice. */
const isSteady = (path: string): boolean => !path.startsWith('status.');
