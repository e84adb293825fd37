/**
 * One run from one seed: an installation, clients that change their configurations, faults in
 * between; then quiet, in which everything must come to what was declared; then the end of all that
 * was declared, after which nothing may be left.
 */
import type { VirtualMachine } from '@limiquantix/proto/compute/v1/vm_pb.js';
import { Acknowledged } from './acknowledged.js';
import { rowsOf } from './backend-rows.js';
import { Chance } from './chance.js';
import { Client, shapeOf } from './client.js';
import { Configuration } from './declared.js';
import { FaultPlan } from './fault-plan.js';
import { Installation, idsOf } from './installation.js';
import { always, atRest, clientTypes, type Facts } from './invariants.js';
import type { Mutation, Seams } from './mutations.js';
import { lacksRoom, RoomWatch } from './room.js';
import { Timeline } from './timeline.js';
import { CheckedWatch, type WatcherOptions } from './watcher.js';
import { WorldModel } from './world-model.js';

/** What to run. */
export interface RunOptions {
  readonly seed: number;
  /** Steps with faults, before it is quiet. */
  readonly steps: number;
  /** A bug that is put in. */
  readonly mutation?: Mutation | undefined;
  /** Gets to see how everything is at the end. */
  readonly onEnd?: (facts: Facts) => void;
}

/** What came of it. */
export interface RunResult {
  readonly seed: number;
  /** What was broken first; undefined where all was well. */
  readonly breach: { readonly invariant: string; readonly what: string } | undefined;
  readonly simulatedMs: number;
  readonly turns: number;
  readonly commits: number;
  /** A digest of all that happened. */
  readonly digest: string;
  /** What happened last. */
  readonly lines: readonly string[];
  readonly faults: ReadonlyMap<string, number>;
}

const startMsMax = 60_000;
const stepMsMax = 3_000;
const convergeMsMax = 30 * 60_000;
const settleMs = 65_000;

/** Thrown to end a run at the first breach. */
class Breach extends Error {
  constructor(
    readonly invariant: string,
    readonly what: string,
  ) {
    super(`${invariant}: ${what}`);
  }
}

/** Runs a seed to its end or its first breach. */
export async function run(options: RunOptions): Promise<RunResult> {
  const timeline = new Timeline();
  const chance = new Chance(options.seed);
  let breach: Breach | undefined;
  const onStrange = (what: string): void => {
    breach ??= new Breach('no call fails that should not', what);
  };
  const seams = options.mutation?.seams ?? {};
  const installation = await Installation.create({
    ...{ timeline, chance, onStrange },
    hosts: chance.between(2, 3),
    servers: options.mutation?.servers ?? (chance.is(0.3) ? 2 : 1),
    seams,
  });
  const over = new AbortController();
  const onBreach = (what: string): void => {
    breach ??= new Breach('every watch is complete and in order', what);
  };
  const scene = makeScene(installation, { timeline, chance, onStrange, seams });
  const check = watchInvariants(scene.facts);
  timeline.onTurn = () => {
    const found = breach ?? check();
    if (found !== undefined) throw found;
  };
  try {
    await begin(scene, timeline);
    watchAll(installation, { timeline, chance, onBreach, signal: over.signal });
    await play(scene, { ...options, timeline, chance });
  } catch (error) {
    if (!(error instanceof Breach)) throw error;
    breach = error;
    timeline.note(error.message);
  } finally {
    over.abort();
    options.onEnd?.(scene.facts);
    installation.end();
  }
  return {
    seed: options.seed,
    breach: breach && { invariant: breach.invariant, what: breach.what },
    simulatedMs: timeline.elapsedMs,
    turns: timeline.turns,
    commits: installation.medium.commits.length,
    digest: timeline.digest(),
    lines: timeline.lines,
    faults: installation.mischief.counts,
  };
}

interface Scene {
  readonly installation: Installation;
  readonly clients: () => readonly ActiveClient[];
  readonly facts: Facts;
}

interface ActiveClient {
  readonly client: Client;
  readonly configuration: Configuration;
}

interface Means {
  readonly timeline: Timeline;
  readonly chance: Chance;
  readonly onStrange: (what: string) => void;
  readonly seams: Seams;
}

function makeScene(
  installation: Installation,
  { timeline, chance, onStrange, seams }: Means,
): Scene {
  const acknowledged = new Acknowledged();
  const { medium, world, network, mischief } = installation;
  let clients: readonly ActiveClient[] | undefined;
  const makeClient = (name: string): ActiveClient => {
    const own = chance.fork(name);
    const configuration = new Configuration(name, own);
    const client = new Client({
      ...{ name, acknowledged, configuration, onStrange, seams, clock: timeline.clock },
      newId: idsOf(timeline, own),
      note: (line) => timeline.note(line),
      ...{ network, token: installation.token, rooms: new RoomWatch(medium, model) },
      isCalm: () => network.isCalm && mischief.isCalm,
      endpoint: () => own.pick(installation.servers).name,
      serverOf: installation.serverOf,
    });
    return { client, configuration };
  };
  medium.onCommit(({ revision, events }) => {
    const keys = events.map((event) => (event.kind === 'put' ? event.entry.key : event.key));
    timeline.note(`commit ${revision} ${keys.join(' ')}`);
  });
  const model = new WorldModel(medium);
  installation.onStoreLoss = () => model.reload(medium);
  const facts: Facts = {
    ...{ medium, acknowledged, model, hosts: world.hosts },
    strayDecisions: installation.strayDecisions,
    nodeIdOf: (host) => installation.nodeId(host),
    rows: () => rowsOf(world.northbound),
  };
  const all = (): readonly ActiveClient[] => {
    clients ??= [makeClient('a')];
    return clients;
  };
  return { installation, clients: all, facts };
}

/** Watches some types from the beginning to the end. */
function watchAll(
  installation: Installation,
  means: Pick<Means, 'timeline' | 'chance'> & Pick<WatcherOptions, 'onBreach' | 'signal'>,
): void {
  const { timeline, chance, onBreach, signal } = means;
  const own = chance.fork('watches');
  for (const type of watchedTypes) {
    const watch = new CheckedWatch({
      ...{ name: 'watcher', clock: timeline.clock, shape: shapeOf(type), onBreach, signal },
      ...{ medium: installation.medium, network: installation.network, token: installation.token },
      endpoint: () => own.pick(installation.servers).name,
      serverOf: installation.serverOf,
    });
    void watch.run();
  }
}

const watchedTypes = ['vm', 'port'] as const;

/** What looks at the invariants that always hold, where something changed that may break them. */
function watchInvariants(facts: Facts): () => Breach | undefined {
  return () => {
    const changed = facts.model.takeChanged();
    for (const { name, types, breaches } of always) {
      if (types !== undefined && !types.some((type) => changed.has(type))) continue;
      const [what] = breaches(facts);
      if (what !== undefined) return new Breach(name, what);
    }
    return undefined;
  };
}

type Playing = RunOptions & Pick<Means, 'timeline' | 'chance'>;

async function play(scene: Scene, playing: Playing): Promise<void> {
  const { installation } = scene;
  const { timeline } = playing;
  await disturb(scene, playing);
  installation.network.heal();
  installation.healStore();
  installation.mischief.calm();
  for (const host of installation.hosts) await installation.powerOn(host);
  timeline.note('quiet');
  await converge(scene, timeline);
  await mustBeEmpty(scene, timeline);
  for (const { configuration } of scene.clients()) configuration.clear();
  timeline.note('the end of all that was declared');
  await converge(scene, timeline);
  const left = clientTypes().flatMap((type) => scene.facts.model.list(type));
  const [first] = left;
  if (first === undefined) return;
  throw new Breach('nothing is left that nobody declares', `${left.length}: ${first.name}`);
}

async function begin({ installation, facts }: Scene, timeline: Timeline): Promise<void> {
  let outcome: string | undefined;
  installation.start().then(
    () => {
      outcome = 'started';
    },
    (error: unknown) => {
      outcome = String(error);
    },
  );
  const areReady = (): boolean =>
    facts.model.list('node').every(({ status }) => status?.phase === readyPhase);
  const isOver = (): boolean => outcome !== undefined && (outcome !== 'started' || areReady());
  if ((await timeline.pass(startMsMax, isOver)) && outcome === 'started') return;
  throw new Breach('everything converges to intent', `the installation does not start: ${outcome}`);
}

/** NODE_PHASE_READY */
const readyPhase = 2;

async function disturb(scene: Scene, { chance, timeline, steps }: Playing): Promise<void> {
  const own = chance.fork('steps');
  const faults = new FaultPlan(scene.installation, chance.fork('faults'));
  faults.begin();
  for (let step = 0; step < steps; step += 1) {
    const { client, configuration } = own.pick(scene.clients());
    const changes = own.below(3);
    for (let i = 0; i < changes; i += 1) timeline.note(`step ${step}: ${configuration.change()}`);
    if (!client.isBusy) client.apply();
    if (own.is(0.4)) faults.strike();
    await timeline.pass(own.below(stepMsMax));
  }
}

/** Applies again and again until there is nothing to change, and all is as declared. */
async function converge({ clients, facts }: Scene, timeline: Timeline): Promise<void> {
  const endMs = timeline.elapsedMs + convergeMsMax;
  for (const { client } of clients()) client.withoutRoom.clear();
  const waiting = new Set<string>();
  let breaches: readonly (readonly [string, string])[] = [];
  let plans: readonly (readonly string[])[] = [];
  while (timeline.elapsedMs < endMs) {
    for (const one of clients()) {
      giveUpWhatFindsNoRoom(one, { model: facts.model, timeline, waiting });
      one.client.apply();
    }
    const left = endMs - timeline.elapsedMs;
    const areIdle = (): boolean => clients().every(({ client }) => !client.isBusy);
    if (!(await timeline.pass(left, areIdle))) {
      const pending = clients().flatMap(({ client }) => [...client.pending]);
      throw new Breach('everything converges to intent', `an apply never ends: ${pending.join()}`);
    }
    plans = await plansOf(clients(), timeline);
    breaches = atRest.flatMap(({ name, breaches: ask }) =>
      ask(facts).map((what) => [name, what] as const),
    );
    if (breaches.length === 0 && plans.every((plan) => plan.length === 0)) return;
    await timeline.pass(settleMs);
  }
  const [first] = breaches;
  if (first === undefined) throw new Breach('a repeated apply is empty', plans.flat().join('; '));
  const more = breaches.length > 1 ? ` (and ${breaches.length - 1} more)` : '';
  throw new Breach(first[0], first[1] + more);
}

interface Waiting {
  readonly model: WorldModel;
  readonly timeline: Timeline;
  /** Machines that waited a while ago although there was room. */
  readonly waiting: Set<string>;
}

/** The user takes out what waits for room that there is not, or makes some. */
function giveUpWhatFindsNoRoom(
  { client, configuration }: ActiveClient,
  { model, timeline, waiting }: Waiting,
): void {
  for (const key of client.withoutRoom) configuration.giveUp(key);
  for (const [key, id] of client.ids) {
    const all = model.list('vm') as unknown as readonly VirtualMachine[];
    const machines = all.filter((vm) => (vm.id === id || vm.owner?.id === id) && waits(vm));
    for (const vm of machines) {
      if (lacksRoom(vm, model)) {
        timeline.note(`there is no room: ${configuration.makeRoom(key)}`);
        break;
      }
      if (waiting.has(vm.id)) {
        throw new Breach('who waits for room gets what there is', `vm ${vm.name} waits on`);
      }
      waiting.add(vm.id);
    }
  }
  for (const id of waiting) if (!waits(model.get('vm', id))) waiting.delete(id);
}

const waits = (vm: VirtualMachine | undefined): boolean =>
  vm?.status?.conditions.find(({ type }) => type === 'Ready')?.reason === 'NoNodeFits';

/** What the clients would change, while time passes. */
async function plansOf(
  clients: readonly ActiveClient[],
  timeline: Timeline,
): Promise<readonly (readonly string[])[]> {
  let plans: readonly (readonly string[])[] | undefined;
  const planning = Promise.all(
    clients.map(({ client }) =>
      client.plan().catch((error: unknown) => [`cannot plan: ${String(error)}`]),
    ),
  ).then((all) => {
    plans = all;
  });
  await timeline.pass(convergeMsMax, () => plans !== undefined);
  if (plans === undefined) throw new Breach('every call ends', 'a plan does not');
  await planning;
  return plans;
}

async function mustBeEmpty(scene: Scene, timeline: Timeline): Promise<void> {
  const plan = (await plansOf(scene.clients(), timeline)).flat();
  if (plan.length > 0) throw new Breach('a repeated apply is empty', plan.join('; '));
}
