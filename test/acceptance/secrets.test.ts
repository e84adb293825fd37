/**
 * Every secret field of the contract, planted with a word of its own, set and set anew by the real
 * terraform: none of the words is in a state, a plan, a log, an answer of the API or anything else
 * that is left, though the control plane has them all. A new secret field is tested by being there.
 */
import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { getOption, hasOption, toJsonString } from '@bufbuild/protobuf';
import { field as rulesOption } from '@bufbuild/protovalidate/gen/buf/validate/validate_pb.js';
import { resourceShapes } from '../../provider/src/schema/all-shapes.js';
import type { Attribute, ObjectShape } from '../../provider/src/schema/shape.js';
import { isList, isObject, type ObjectValue, type Value } from '../../provider/src/value/value.js';
import { contractTypes } from '../../server/src/resource/type-registry.js';
import { type Case, casesOf, withValue } from '../generated/cases.js';
import { Samples } from '../generated/samples.js';
import { filesOf, unzip } from '../harness/left-behind.js';
import { SimulatedInstallation } from '../harness/simulated-installation.js';
import type { Terraform } from '../harness/terraform.js';

jest.setTimeout(300_000);

interface Planted {
  /** `limiquantix_vm display.vnc.password_wo`. */
  readonly name: string;
  readonly typeName: string;
  readonly shape: ObjectShape;
  readonly secret: Case;
}

const planted: readonly Planted[] = [...resourceShapes()].flatMap(([typeName, shapeOf]) =>
  casesOf(typeName)
    .filter(({ chain }) => chain.at(-1)?.role === 'secret')
    .map((secret) => {
      const { object: shape } = shapeOf();
      return { name: `${typeName} ${secret.path}`, typeName, shape, secret };
    }),
);

let installation: SimulatedInstallation;
let terraform: Terraform;
beforeAll(async () => {
  installation = await SimulatedInstallation.up(2, ['--log-level', 'debug']);
  terraform = await installation.terraform('');
  rmSync(join(terraform.dir, 'main.tf'));
  terraform.write('main.tf.json', await configuration(1));
  await terraform.init();
  terraform.setEnvironment({
    TF_LOG: 'TRACE',
    TF_LOG_PATH: join(terraform.dir, 'terraform.log'),
    ...secretsVariable(1),
  });
});
afterAll(async () => {
  await installation.down();
  rmSync(installation.dir, { recursive: true });
});

test('the contract has secrets to plant', () => {
  expect(planted.length).toBeGreaterThan(20);
  const all = [1, 2].flatMap((round) => planted.map((_, i) => wordFor(i, round)));
  expect(new Set(all).size).toBe(all.length);
});

test('secrets that are set are nowhere but in the control plane', async () => {
  const outputs = [
    await terraform.plan('-out=saved.tfplan'),
    await terraform.run('show', '-json', 'saved.tfplan'),
    await terraform.apply('saved.tfplan'),
    await terraform.run('show', '-json'),
  ].map(({ output }) => output);
  expect(await terraform.plan()).toMatchObject({ code: 0 });
  expect(storedWords(1)).toEqual(planted.map(({ name }) => name));
  expect(await leaks(1, outputs)).toEqual([]);
});

test('secrets that are set anew are nowhere but in the control plane', async () => {
  terraform.write('main.tf.json', await configuration(2));
  terraform.setEnvironment(secretsVariable(2));
  const outputs = [
    await terraform.plan('-out=saved.tfplan'),
    await terraform.run('show', '-json', 'saved.tfplan'),
    await terraform.apply('saved.tfplan'),
    await terraform.run('show', '-json'),
  ].map(({ output }) => output);
  expect(storedWords(2)).toEqual(planted.map(({ name }) => name));
  expect([...(await leaks(1, outputs)), ...(await leaks(2, outputs))]).toEqual([]);
});

test('a secret that breaks a rule is not in the error', async () => {
  const words = JSON.parse(secretsVariable(2)['TF_VAR_secrets'] ?? '{}');
  const long = 'Planted0verlong'.repeat(10_000);
  const broken = Object.fromEntries(Object.keys(words).map((key) => [key, `${long}${key}`]));
  terraform.write('main.tf.json', await configuration(3));
  // Longer than a variable of the environment may be.
  terraform.write('broken.auto.tfvars.json', JSON.stringify({ secrets: broken }));
  const { code, output } = await terraform.plan();
  rmSync(join(terraform.dir, 'broken.auto.tfvars.json'));
  expect(code).toBe(1);
  expect(output).toMatch(/Invalid .*_wo/);
  expect(output).not.toContain('Planted0verlong');
});

/** Where words of a round are that must not be: `file: field`. */
async function leaks(round: number, outputs: readonly string[]): Promise<string[]> {
  const plan = unzip(readFileSync(join(terraform.dir, 'saved.tfplan')));
  const places = [
    ...outputs.map((text, i) => ({ name: `output ${i}`, text })),
    ...filesOf(terraform.dir),
    ...[...plan].map(([name, bytes]) => ({ name: `plan/${name}`, text: bytes.toString('latin1') })),
    { name: 'server.log', text: readFileSync(installation.controlPlane.log, 'utf8') },
    ...(await answers()),
  ];
  const names = places.map(({ name }) => name);
  expect(names).toEqual(
    expect.arrayContaining(['terraform.tfstate', 'plan/tfplan', 'terraform.log']),
  );
  return places.flatMap(({ name, text }) =>
    planted.flatMap((one, i) => (text.includes(wordFor(i, round)) ? [`${name}: ${one.name}`] : [])),
  );
}

/** All that the API tells, also of operations and events. */
async function answers(): Promise<{ name: string; text: string }[]> {
  const client = await installation.client();
  return Promise.all(
    contractTypes.types.map(async (type) => {
      const found = await client.list(type);
      const text = found.map((one) => toJsonString(type.message, one)).join('\n');
      return { name: `List of ${type.plural}`, text };
    }),
  );
}

/** The fields whose words the control plane has: that they are nowhere else says something. */
function storedWords(round: number): string[] {
  const dir = join(installation.dir, 'server');
  const files = readdirSync(dir).filter((name) => name.startsWith('server.db'));
  const text = files.map((name) => readFileSync(join(dir, name), 'latin1')).join('\n');
  return planted.filter((_, i) => text.includes(wordFor(i, round))).map(({ name }) => name);
}

const secretsVariable = (round: number): Record<string, string> => ({
  TF_VAR_secrets: JSON.stringify(
    Object.fromEntries(planted.map((_, i) => [`s${i}`, wordFor(i, round)])),
  ),
});

/** A word that the field's rules take and that stands nowhere else. */
function wordFor(i: number, round: number): string {
  const field = planted[i]?.secret.chain.at(-1)?.field;
  if (field === undefined) throw new Error(`no secret ${i}`);
  const rules = hasOption(field, rulesOption) ? getOption(field, rulesOption).type : undefined;
  if (rules?.case !== 'string') throw new Error(`${field.toString()}: a secret without rules`);
  const { pattern = '', minLen, maxLen } = rules.value;
  const mark = `${String.fromCharCode(65 + i)}${round}`;
  const words = [
    `Pl4nted-${mark}-word`,
    `P1nt-${mark}Z`,
    `${mark}PLN-T3DKY-T3DKY-T3DKY-T3DK${round}`,
    `${mark}${'pLant3D'.repeat(7).slice(0, 41)}=`,
  ];
  const fits = (word: string): boolean =>
    new RegExp(pattern, 'u').test(word) &&
    word.length >= Number(minLen ?? 0n) &&
    word.length <= (Number(maxLen ?? 0n) || 1_000);
  const word = words.find(fits);
  if (word === undefined)
    throw new Error(`${field.toString()}: no word fits; add one to this test`);
  return word;
}

/** A resource for each secret, with what those need, as Terraform's JSON. */
async function configuration(version: number): Promise<string> {
  const resources: Record<string, Record<string, unknown>> = {};
  const put = (typeName: string, name: string, value: ObjectValue): void => {
    resources[typeName] = { ...resources[typeName], [name]: { ...written(value), name } };
  };
  const samples = new Samples(async (type, n) => {
    if (type === 'node') return `${reference}data.limiquantix_nodes.all.nodes[0].id}`;
    const typeName = `limiquantix_${type}`;
    const shape = resourceShapes().get(typeName)?.();
    if (shape === undefined) throw new Error(`Terraform has no type ${type}`);
    const name = `dependency-${n}`;
    put(typeName, name, await samples.least(shape.object, n + 40));
    return `${reference}${typeName}.${name}.id}`;
  });
  for (const [i, { typeName, shape, secret }] of planted.entries()) {
    // The first samples are small enough for machines to find room.
    const n = i - planted.findIndex((one) => one.typeName === typeName);
    const least = (of: ObjectShape): Promise<ObjectValue> => samples.least(of, n);
    const last = secret.chain.at(-1) as Attribute;
    const counter = { ...last, name: `${last.name}_version` };
    const outer = secret.chain.slice(0, -1);
    const base = await samples.least(shape, n);
    const word = `${reference}var.secrets["s${i}"]}`;
    const withSecret = await withValue(base, secret.chain, word, least);
    const whole = await withValue(withSecret, [...outer, counter], version, least);
    put(typeName, `planted-${i}`, withRunning(whole));
  }
  return JSON.stringify({
    terraform: { required_providers: { limiquantix: { source: 'limiquantix/limiquantix' } } },
    variable: { secrets: { type: 'map(string)', ephemeral: true } },
    data: { limiquantix_nodes: { all: {} } },
    resource: resources,
  });
}

/** Machines of fleets run, so that their secrets go as far as those of machines in use. */
function withRunning(value: ObjectValue): ObjectValue {
  const { vm = null } = value;
  return isObject(vm) ? { ...value, vm: { ...vm, power_state: null } } : value;
}

/** The beginning of what Terraform evaluates; other texts are taken word for word. */
const reference = '${';

function written(value: ObjectValue): Record<string, unknown> {
  const plain = (one: Value): unknown => {
    if (typeof one === 'string')
      return isReference(one) ? one : one.replaceAll(/[$%](?=\{)/g, '$&$&');
    if (isList(one)) return one.map(plain);
    return isObject(one) ? written(one) : one;
  };
  const entries = Object.entries(value).filter(([, one]) => one !== null);
  return Object.fromEntries(entries.map(([name, one]) => [name, plain(one)]));
}

const isReference = (text: string): boolean =>
  /^\$\{(var\.secrets|data\.limiquantix_nodes|limiquantix_[a-z_]+\.dependency-)/.test(text);
