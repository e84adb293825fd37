/**
 * Every example of the docs runs by itself: it applies, has nothing to change then, its data
 * sources find what it made, and it destroys. On simulated hosts.
 */
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { providerFunctions } from '../../provider/src/function/functions.js';
import { resourceShapes } from '../../provider/src/schema/all-shapes.js';
import { ephemeralShapes } from '../../provider/src/schema/ephemeral-shape.js';
import { AttachedProvider } from '../harness/attached-provider.js';
import { flat } from '../harness/configuration.js';
import { ControlPlane, freePort } from '../harness/control-plane.js';
import { emptyImage } from '../harness/empty-image.js';
import { root, scratchDir } from '../harness/paths.js';
import { Terraform } from '../harness/terraform.js';

const examples = join(root, 'examples');
const exampleTimeoutMs = 120_000;
const dir = scratchDir('examples');
const versions = `terraform {
  required_providers {
    limiquantix = { source = "limiquantix/limiquantix" }
  }
}
`;
let controlPlane: ControlPlane;
let provider: AttachedProvider;

beforeAll(async () => {
  emptyImage(join(dir, 'guest.qcow2'));
  const port = await freePort();
  controlPlane = new ControlPlane({ dir: join(dir, 'server'), port, args: ['--simulate', '2'] });
  await controlPlane.start();
  provider = await AttachedProvider.start({ LIMIQUANTIX_PROFILE: controlPlane.profile });
}, exampleTimeoutMs);

afterAll(async () => {
  await provider.stop();
  await controlPlane.stop();
  rmSync(dir, { recursive: true });
}, exampleTimeoutMs);

describe.each([...resourceShapes()].map(([type, shape]) => ({ type, plural: shape().plural })))(
  '$type',
  ({ type, plural }) => {
    test('has an example, a way to import, and data sources', () => {
      const files = [
        `resources/${type}/resource.tf`,
        `resources/${type}/import.sh`,
        `data-sources/${type}/data-source.tf`,
        `data-sources/limiquantix_${plural}/data-source.tf`,
      ];
      expect(files.filter((file) => !existsSync(join(examples, file)))).toEqual([]);
    });

    test(
      'has examples that work',
      async () => {
        const resource = newTerraform(type, [`resources/${type}/resource.tf`]);
        await resource.apply();
        const plan = await resource.plan();
        expect(plan).toMatchObject({ code: 0 });
        const dataSources = newTerraform(`${type}-data`, [
          `data-sources/${type}/data-source.tf`,
          `data-sources/limiquantix_${plural}/data-source.tf`,
        ]);
        await dataSources.apply();
        expect(Object.keys(dataSources.outputs())).toHaveLength(2);
        await resource.destroy();
      },
      exampleTimeoutMs,
    );
  },
);

test(
  'has examples of functions that work',
  async () => {
    for (const name of providerFunctions.keys()) {
      const terraform = newTerraform(`function-${name}`, [`functions/${name}/function.tf`]);
      await terraform.apply();
      expect(await terraform.plan()).toMatchObject({ code: 0 });
      await terraform.destroy();
    }
  },
  exampleTimeoutMs,
);

test(
  'has an example of an API token for one run, which works',
  async () => {
    const name = 'limiquantix_api_token';
    const file = `ephemeral-resources/${name}/ephemeral-resource.tf`;
    const terraform = newTerraform(`ephemeral-${name}`, [file]);
    await terraform.apply();
    expect(await terraform.plan()).toMatchObject({ code: 0 });
    await terraform.destroy();
  },
  exampleTimeoutMs,
);

test(
  'has an example of a console ticket, which is refused with the reason',
  async () => {
    const name = 'limiquantix_console_ticket';
    const file = `ephemeral-resources/${name}/ephemeral-resource.tf`;
    const terraform = newTerraform(`ephemeral-${name}`, [file]);
    const { code, output } = await terraform.run('apply', '-auto-approve', '-no-color');
    expect(code).toBe(1);
    expect(flat(output)).toMatch(
      /Cannot open limiquantix_console_ticket .* GetConsole is not supported: no driver connects to consoles/,
    );
    // A destruction would ask for a ticket as well.
    terraform.write('example-0.tf', '');
    await terraform.apply();
  },
  exampleTimeoutMs,
);

test('has no example of what is not there', () => {
  const types = [...resourceShapes().keys()].sort();
  expect(readdirSync(join(examples, 'resources')).sort()).toEqual(types);
  const ephemerals = [...ephemeralShapes().keys()].sort();
  expect(readdirSync(join(examples, 'ephemeral-resources')).sort()).toEqual(ephemerals);
  const functions = [...providerFunctions.keys()].sort();
  expect(readdirSync(join(examples, 'functions')).sort()).toEqual(functions);
});

/** A working folder with copies of examples. */
function newTerraform(name: string, files: readonly string[]): Terraform {
  const terraform = new Terraform({
    dir: join(dir, name),
    profile: controlPlane.profile,
    environment: provider.environment,
    variables: { guest_image: join(dir, 'guest.qcow2') },
  });
  terraform.write('versions.tf', versions);
  for (const [i, file] of files.entries()) {
    terraform.write(`example-${i}.tf`, readFileSync(join(examples, file), 'utf8'));
  }
  return terraform;
}
