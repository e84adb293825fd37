/**
 * What a fleet does next: which machines are made, changed, replaced and removed, so that never
 * more are down for a change than its rollout allows, and a wave that doesn't become ready holds up
 * the next. Pure: the same machines in the same state always mean the same steps.
 */
import {
  type FleetRollout,
  FleetRolloutSchema,
} from '@limiquantix/proto/compute/v1/vm_fleet_pb.js';
import { effective } from '../resource/default-values.js';

/** What has to be done to a machine so that it is as wanted. */
export type MemberChange =
  /** Nothing. */
  | 'none'
  /** Something that its guest doesn't notice. */
  | 'live'
  /** Something that its guest is down for. */
  | 'costly'
  /** It is made anew. */
  | 'replace';

/** A machine of a fleet, as far as the next step depends on it. */
export interface Member {
  readonly index: number;
  readonly id: string;
  /** `lost`: nobody knows, because its node isn't heard of. `leaving`: it is being removed. */
  readonly state: 'ready' | 'waiting' | 'failed' | 'lost' | 'leaving';
  readonly change: MemberChange;
}

/** What is decided on. */
export interface RolloutQuestion {
  readonly replicas: number;
  readonly rollout: FleetRollout | undefined;
  readonly members: readonly Member[];
}

/** What to do now. */
export interface RolloutSteps {
  /** Numbers of machines to make, the lowest first. */
  readonly make: readonly number[];
  readonly change: readonly Member[];
  /** To be removed, and made anew when they are gone. */
  readonly replace: readonly Member[];
  /** Too many; the highest number first. */
  readonly remove: readonly Member[];
  /** Machines that have to wait for others before they are changed. */
  readonly outdated: readonly Member[];
}

/** Decides the next steps. */
export function decideRollout(question: RolloutQuestion): RolloutSteps {
  const { replicas, members } = question;
  const of = <Name extends 'maxUnavailable' | 'maxSurge' | 'paused'>(name: Name) =>
    effective(FleetRolloutSchema, question.rollout, name);
  const sorted = [...members].sort((a, b) => a.index - b.index);
  const staying = sorted.filter(({ state }) => state !== 'leaving');
  const regular = staying.filter(({ index }) => index < replicas);
  const outdated = regular.filter(({ change }) => change !== 'none');
  const isPaused = of('paused');
  const surge = surgeOf({ regular, staying, replicas, max: of('maxSurge'), isPaused });
  const total = replicas + surge;
  const steps = {
    make: missing(sorted, total),
    remove: staying.filter(({ index }) => index >= total).reverse(),
  };
  if (isPaused) return { ...steps, change: [], replace: [], outdated };
  const ready = staying.filter(({ state, index }) => state === 'ready' && index < total).length;
  const wave = waveOf(outdated, ready - (replicas - of('maxUnavailable')));
  return {
    ...steps,
    change: wave.filter(({ change }) => change !== 'replace'),
    replace: wave.filter(({ change }) => change === 'replace'),
    outdated: outdated.filter((member) => !wave.includes(member)),
  };
}

/**
 * The machines that are changed now: those that nobody notices; those that are down anyway; and of
 * those that serve, as many as may be missed. A lost one may serve: it is left alone.
 */
function waveOf(outdated: readonly Member[], spare: number): Member[] {
  const free = outdated.filter(({ state, change }) => {
    return change === 'live' || state === 'waiting' || state === 'failed';
  });
  const serving = outdated.filter((member) => member.state === 'ready' && !free.includes(member));
  return [...free, ...serving.slice(0, Math.max(0, spare))];
}

/**
 * How many machines there are beyond the wanted ones, while some are replaced by them. Those that
 * are there stay until the ones that they stand in for are all ready.
 */
function surgeOf(input: {
  readonly regular: readonly Member[];
  readonly staying: readonly Member[];
  readonly replicas: number;
  readonly max: number;
  readonly isPaused: boolean;
}): number {
  const { regular, staying, replicas, max, isPaused } = input;
  const costly = regular.filter(({ change }) => change === 'costly' || change === 'replace').length;
  const ready = regular.filter(({ state }) => state === 'ready').length;
  if (costly === 0 && ready === replicas) return 0;
  const extra = staying.length - regular.length;
  return Math.min(max, Math.max(isPaused ? 0 : costly, extra));
}

function missing(members: readonly Member[], total: number): number[] {
  const there = new Set(members.map(({ index }) => index));
  const found: number[] = [];
  for (let index = 0; index < total; index += 1) if (!there.has(index)) found.push(index);
  return found;
}
