/**
 * Quotas: what each resource takes of its project's, and what there is not enough of. Pure; the
 * quantities are the fields of the contract's `Quota`.
 */
import { create, type DescField, type MessageInitShape } from '@bufbuild/protobuf';
import type { VmFleet } from '@limiquantix/proto/compute/v1/vm_fleet_pb.js';
import type { VirtualMachine, VirtualMachineSpec } from '@limiquantix/proto/compute/v1/vm_pb.js';
import {
  type Project,
  type Quota,
  QuotaSchema,
  type QuotaUsage,
  QuotaUsageSchema,
} from '@limiquantix/proto/identity/v1/project_pb.js';
import { ShortfallKind, type ShortfallSchema } from '@limiquantix/proto/resource/v1/resource_pb.js';
import type { Volume } from '@limiquantix/proto/storage/v1/volume_pb.js';
import { readField, writeField } from '../resource/field-access.js';
import type { AnyResource, TypeName } from '../resource/resource.js';
import { demandOf } from './candidates.js';
import { wholeSpecOf } from './whole-spec.js';

/** Amounts by quantity, such as `memory_mib`; what is missing is 0. */
export type Amounts = ReadonlyMap<string, bigint>;

/** Something that there is not enough of. */
export type Shortfall = MessageInitShape<typeof ShortfallSchema> & {
  readonly message: string;
  readonly path: string;
  /** The project's name. */
  readonly project: string;
};

const takes: ReadonlyMap<TypeName, (resource: AnyResource) => Amounts> = new Map([
  ['vm', (resource: AnyResource) => machineTakes(resource as VirtualMachine)],
  ['vm_fleet', (resource: AnyResource) => fleetTakes(resource as VmFleet)],
  [
    'volume',
    (resource: AnyResource) =>
      new Map([
        ['volumes', 1n],
        ['storage_gib', (resource as unknown as Volume).spec?.sizeGib ?? 0n],
      ]),
  ],
  ['network', () => one('networks')],
  ['floating_ip', () => one('floating_ips')],
  ['volume_snapshot', () => one('snapshots')],
  ['vm_snapshot', () => one('snapshots')],
  ['load_balancer', () => one('load_balancers')],
  ['router', () => one('routers')],
]);

/** The fields that ask for a quantity, where that isn't the resource itself. */
const paths: { readonly [type: TypeName]: { readonly [quantity: string]: string } } = {
  vm: {
    vcpus: 'spec.cpu.cores',
    memory_mib: 'spec.memory.size_mib',
    volumes: 'spec.disks',
    storage_gib: 'spec.disks',
  },
  vm_fleet: Object.fromEntries(
    ['vms', 'vcpus', 'memory_mib', 'volumes', 'storage_gib'].map((name) => [name, 'spec.replicas']),
  ),
  volume: { storage_gib: 'spec.size_gib' },
};

/** The field of a type that asks for a quantity; empty where that is the resource itself. */
export const pathOf = (type: TypeName, quantity: string): string => paths[type]?.[quantity] ?? '';

/** Whether resources of a type count in quotas. */
export const isCounted = (type: TypeName): boolean => takes.has(type);

/** What a resource takes of its project's quota. */
export const amountsOf = (type: TypeName, resource: AnyResource): Amounts =>
  takes.get(type)?.(resource) ?? new Map();

/** Whose account something is taken from: a project's, by its name, or a pool's. */
export type Account = string;

/** The account of a storage pool; no project has such a name. */
export const poolAccount = (id: string): Account => `pool/${id}`;

/** The pool of an account; undefined for a project's. */
export const poolOf = (account: Account): string | undefined => /^pool\/(.*)$/.exec(account)?.[1];

/** All that a resource takes, by account: of its project's quota, and of pools their room. */
export function chargesOf(
  type: TypeName,
  resource: AnyResource,
): readonly (readonly [Account, Amounts])[] {
  const own = [resource.projectId, amountsOf(type, resource)] as const;
  const pools = [...(poolTakes.get(type)?.(resource) ?? [])].map(([id, gib]) => {
    return [poolAccount(id), new Map([['storage_gib', gib]])] as const;
  });
  return [own, ...pools];
}

/** What resources take of pools, by the pools' ids. */
const poolTakes: ReadonlyMap<TypeName, (resource: AnyResource) => ReadonlyMap<string, bigint>> =
  new Map([
    [
      'volume',
      (resource: AnyResource) => {
        const { poolId = '', sizeGib = 0n } = (resource as unknown as Volume).spec ?? {};
        return new Map([[poolId, sizeGib]]);
      },
    ],
    ['vm_fleet', (resource: AnyResource) => fleetPools(resource as VmFleet)],
  ]);

/** `amounts` and `factor` times `more`. */
export function plus(amounts: Amounts, more: Amounts, factor = 1n): Amounts {
  const sum = new Map(amounts);
  for (const [quantity, amount] of more) {
    sum.set(quantity, (sum.get(quantity) ?? 0n) + factor * amount);
  }
  return sum;
}

/** Whether a change takes more of something that a project's quota limits. */
export function isLimited({ spec }: Pick<Project, 'spec'>, change: Amounts): boolean {
  return [...change].some(([quantity, amount]) => {
    return amount > 0n && limitOf(spec?.quota, quantity) !== undefined;
  });
}

/** What a project has not enough of for a change; `type` is what the request is about. */
export function shortfallsOf(question: {
  readonly project: Pick<Project, 'name' | 'spec'>;
  readonly type: TypeName;
  readonly usage: Amounts;
  readonly change: Amounts;
}): readonly Shortfall[] {
  const { project, type, usage, change } = question;
  const found: Shortfall[] = [];
  for (const [quantity, requested] of change) {
    const limit = limitOf(project.spec?.quota, quantity);
    const used = usage.get(quantity) ?? 0n;
    if (limit === undefined || requested <= 0n || used + requested <= limit) continue;
    const available = limit > used ? limit - used : 0n;
    const left = `project ${project.name} has ${available} of ${limit} ${quantity} left`;
    const message = `${left}, ${requested} are needed and ${requested - available} are missing; remove what is no longer used, or ask for more in the project's spec.quota.${quantity}`;
    const path = pathOf(type, quantity);
    found.push({
      kind: ShortfallKind.QUOTA,
      quantity,
      requested,
      available,
      path,
      message,
      project: project.name,
    });
  }
  return found;
}

/** Amounts as a project's status has them. */
export function usageMessage(amounts: Amounts): QuotaUsage {
  const usage = create(QuotaUsageSchema);
  for (const field of QuotaUsageSchema.fields) {
    const amount = amounts.get(field.name) ?? 0n;
    writeField(usage, field, isLong(field) ? amount : Number(amount));
  }
  return usage;
}

function machineTakes(machine: VirtualMachine): Amounts {
  const spec = wholeSpecOf(machine);
  if (spec === undefined) return one('vms');
  return new Map([
    ['vms', 1n],
    ['vcpus', BigInt(demandOf(spec).vcpus)],
    ['memory_mib', spec.memory?.sizeMib ?? 0n],
  ]);
}

/** What a machine takes with the volumes that are made for its disks. */
export function wholeMachineTakes(spec: VirtualMachineSpec): Amounts {
  const pools = [...volumesToMake(spec).pools.values()];
  return new Map([
    ['vms', 1n],
    ['vcpus', BigInt(demandOf(spec).vcpus)],
    ['memory_mib', spec.memory?.sizeMib ?? 0n],
    ['volumes', BigInt(volumesToMake(spec).count)],
    ['storage_gib', pools.reduce((sum, gib) => sum + gib, 0n)],
  ]);
}

/** The volumes that a machine's disks bring along: how many, and their sizes by pool. */
export function volumesToMake({ disks }: Pick<VirtualMachineSpec, 'disks'>): {
  readonly count: number;
  readonly pools: ReadonlyMap<string, bigint>;
} {
  const pools = new Map<string, bigint>();
  let count = 0;
  for (const { source } of Object.values(disks)) {
    if (source.case !== 'volume') continue;
    const { poolId, sizeGib } = source.value;
    pools.set(poolId, (pools.get(poolId) ?? 0n) + sizeGib);
    count += 1;
  }
  return { count, pools };
}

/** A fleet takes what its machines will that aren't made yet; the others take it themselves. */
function fleetTakes(fleet: VmFleet): Amounts {
  const sum = { vms: 0, vcpus: 0, volumes: 0 };
  let [memory, storage] = [0n, 0n];
  for (const { vcpus, sizeMib, volumes, poolGib } of reservationsOf(fleet)) {
    sum.vms += 1;
    sum.vcpus += vcpus;
    sum.volumes += volumes;
    memory += sizeMib;
    for (const gib of Object.values(poolGib)) storage += gib;
  }
  return new Map([
    ['vms', BigInt(sum.vms)],
    ['vcpus', BigInt(sum.vcpus)],
    ['memory_mib', memory],
    ['volumes', BigInt(sum.volumes)],
    ['storage_gib', storage],
  ]);
}

function fleetPools(fleet: VmFleet): ReadonlyMap<string, bigint> {
  const pools = new Map<string, bigint>();
  for (const { poolGib } of reservationsOf(fleet)) {
    for (const [id, gib] of Object.entries(poolGib)) pools.set(id, (pools.get(id) ?? 0n) + gib);
  }
  return pools;
}

const reservationsOf = ({ status, deletionRequestedAt }: VmFleet) =>
  deletionRequestedAt === undefined ? Object.values(status?.reservations ?? {}) : [];

function limitOf(quota: Quota | undefined, quantity: string): bigint | undefined {
  const field = QuotaSchema.fields.find(({ name }) => name === quantity);
  const limit = quota && field && readField(quota, field);
  return limit === undefined ? undefined : BigInt(limit as number | bigint);
}

const isLong = (field: DescField): boolean =>
  typeof readField(create(QuotaUsageSchema), field) === 'bigint';

const one = (quantity: string): Amounts => new Map([[quantity, 1n]]);
