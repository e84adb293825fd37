/**
 * What virtual machines have of the nodes and where they are: sums by node, and who is near whom.
 * Kept by whoever sees machines come and go; knows neither store nor clock. Answers don't grow
 * dearer with the number of machines: what is asked for once is counted on from there.
 */
import type { VirtualMachine } from '@limiquantix/proto/compute/v1/vm_pb.js';
import { demandOf } from './candidates.js';
import { type Selectable, type Selector, selects } from './neighbours.js';
import type { Demand } from './placement.js';
import { wholeSpecOf } from './whole-spec.js';

/** What is used of a node. */
export interface Usage extends Demand {
  readonly vms: number;
}

/** Nodes that machines keep others away from, with how many do so, and how far. */
export interface Repelled {
  readonly nodes: ReadonlyMap<string, number>;
  /** The node label whose equal values are kept free as well; undefined for the nodes alone. */
  readonly topologyLabel: string | undefined;
}

interface RepellingRule extends Selector {
  readonly topologyLabel: string | undefined;
}

interface Placed {
  /** What selectors look at, and not the machine: the rest of it would be kept in memory. */
  readonly vm: Selectable;
  readonly nodeId: string;
  readonly demand: Demand;
  /** Whom its required rules keep away, by the rules' keys. */
  readonly repels: readonly (readonly [key: string, rule: RepellingRule])[];
}

/** How many machines that mean the same are on each node. */
interface Counted<S extends Selector> {
  readonly selector: S;
  readonly counts: Map<string, number>;
}

type Writable<T> = { -readonly [Key in keyof T]: T[Key] };

/** Selectors whose counts are kept; the one that was first asked for makes room for a new one. */
const selectorsMax = 256;

/** Machines on nodes. */
export class Occupancy {
  readonly #placed = new Map<string, Placed>();
  readonly #usage = new Map<string, Writable<Usage>>();
  readonly #reserved = new Map<string, readonly (readonly [nodeId: string, usage: Usage])[]>();
  readonly #counted = new Map<string, Counted<Selector>>();
  readonly #repelling = new Map<string, Counted<RepellingRule>>();

  /** What machines and reservations have of a node: always the same object, kept up to date. */
  usedOf(nodeId: string): Usage {
    let usage = this.#usage.get(nodeId);
    if (usage === undefined) {
      usage = { vcpus: 0, memoryMib: 0, vms: 0 };
      this.#usage.set(nodeId, usage);
    }
    return usage;
  }

  /** Counts a machine in at a node, in place of where it was counted before. */
  hold(vm: VirtualMachine, nodeId: string): void {
    this.release(vm.id);
    const spec = wholeSpecOf(vm);
    if (spec === undefined) return;
    const repels = Object.values(spec.placement?.antiAffinity ?? {})
      .filter((rule) => rule.required ?? true)
      .map(({ vmIds, vmLabels, topologyLabel }) => {
        const rule = { projectId: vm.projectId, vmIds, vmLabels, topologyLabel };
        return [`${topologyLabel ?? ''} ${keyOf(rule)}`, rule] as const;
      });
    const { id, projectId, labels } = vm;
    const placed = { vm: { id, projectId, labels }, nodeId, demand: demandOf(spec), repels };
    this.#placed.set(vm.id, placed);
    this.#add(nodeId, { ...placed.demand, vms: 1 });
    this.#count(placed, 1);
  }

  /** Counts a machine out. */
  release(vmId: string): void {
    const placed = this.#placed.get(vmId);
    if (placed === undefined) return;
    this.#placed.delete(vmId);
    this.#add(placed.nodeId, negative({ ...placed.demand, vms: 1 }));
    this.#count(placed, -1);
  }

  /** Keeps room on nodes under a name, in place of what was kept under it before. */
  reserve(name: string, room: ReadonlyMap<string, Usage>): void {
    for (const [nodeId, usage] of this.#reserved.get(name) ?? []) {
      this.#add(nodeId, negative(usage));
    }
    this.#reserved.delete(name);
    if (room.size === 0) return;
    this.#reserved.set(name, [...room]);
    for (const [nodeId, usage] of room) this.#add(nodeId, usage);
  }

  /** What is used of some nodes now: `hasGrown` tells later whether others took more. */
  usedOn(nodeIds: Iterable<string>): ReadonlyMap<string, Usage> {
    return new Map([...nodeIds].map((id) => [id, { ...this.usedOf(id) }]));
  }

  /** Whether more is used of any of the nodes than was before. */
  hasGrown(before: ReadonlyMap<string, Usage>): boolean {
    return [...before].some(([id, { vcpus, memoryMib }]) => {
      const now = this.usedOf(id);
      return now.vcpus > vcpus || now.memoryMib > memoryMib;
    });
  }

  /** How many of the machines that a selector means are on each node, but for one machine. */
  countsOf(selector: Selector, exceptVmId: string): ReadonlyMap<string, number> {
    const { counts } = this.#countedBy(selector);
    const self = this.#placed.get(exceptVmId);
    if (self === undefined || !selects(selector, self.vm)) return counts;
    const others = new Map(counts);
    change(others, self.nodeId, -1);
    return others;
  }

  /** Where placed machines keep a machine away by required rules of their own. */
  repelled(vm: VirtualMachine): readonly Repelled[] {
    const found: Repelled[] = [];
    const own = this.#placed.get(vm.id);
    for (const [key, { selector, counts }] of this.#repelling) {
      if (!selects(selector, vm)) continue;
      const isOwn = own?.repels.some(([name]) => name === key) ?? false;
      const others = isOwn ? new Map(counts) : counts;
      if (isOwn && own !== undefined) change(others, own.nodeId, -1);
      if (others.size === 0) continue;
      found.push({ nodes: others, topologyLabel: selector.topologyLabel });
    }
    return found;
  }

  #countedBy(selector: Selector): Counted<Selector> {
    const key = keyOf(selector);
    const known = this.#counted.get(key);
    if (known !== undefined) return known;
    const counts = new Map<string, number>();
    for (const { vm, nodeId } of this.#placed.values()) {
      if (selects(selector, vm)) change(counts, nodeId, 1);
    }
    const [oldest] = this.#counted.keys();
    if (oldest !== undefined && this.#counted.size >= selectorsMax) this.#counted.delete(oldest);
    const counted = { selector, counts };
    this.#counted.set(key, counted);
    return counted;
  }

  #count({ vm, nodeId, repels }: Placed, more: number): void {
    for (const { selector, counts } of this.#counted.values()) {
      if (selects(selector, vm)) change(counts, nodeId, more);
    }
    for (const [key, rule] of repels) {
      const counted = this.#repelling.get(key) ?? { selector: rule, counts: new Map() };
      change(counted.counts, nodeId, more);
      if (counted.counts.size === 0) this.#repelling.delete(key);
      else this.#repelling.set(key, counted);
    }
  }

  #add(nodeId: string, more: Usage): void {
    const used = this.usedOf(nodeId) as Writable<Usage>;
    used.vcpus += more.vcpus;
    used.memoryMib += more.memoryMib;
    used.vms += more.vms;
  }
}

function change(counts: Map<string, number>, nodeId: string, more: number): void {
  const count = (counts.get(nodeId) ?? 0) + more;
  if (count === 0) counts.delete(nodeId);
  else counts.set(nodeId, count);
}

/** Equal for selectors that mean the same. */
function keyOf({ projectId, vmIds, vmLabels }: Selector): string {
  return JSON.stringify([projectId, [...vmIds].sort(), Object.entries(vmLabels).sort()]);
}

function negative({ vcpus, memoryMib, vms }: Usage): Usage {
  return { vcpus: -vcpus, memoryMib: -memoryMib, vms: -vms };
}
