/**
 * What the simulation's Terraform-like client declares: a configuration of pools, networks, ports,
 * volumes, machines and fleets, changed at random the way that people change theirs. Pure: it
 * knows neither API nor time.
 */
import { create } from '@bufbuild/protobuf';
import { VmFleetSchema } from '@limiquantix/proto/compute/v1/vm_fleet_pb.js';
import {
  PowerState,
  VirtualMachineSchema,
  type VirtualMachineSpec,
  VirtualMachineSpecSchema,
} from '@limiquantix/proto/compute/v1/vm_pb.js';
import { VirtualNetworkSchema } from '@limiquantix/proto/network/v1/network_pb.js';
import { PortSchema } from '@limiquantix/proto/network/v1/port_pb.js';
import { StoragePoolSchema } from '@limiquantix/proto/storage/v1/storage_pool_pb.js';
import { VolumeSchema } from '@limiquantix/proto/storage/v1/volume_pb.js';
import type { AnyResource } from '../../server/src/resource/resource.js';
import type { Chance } from './chance.js';

/** A resource that is declared. `make` gets the ids of those that it needs, by their keys. */
export interface Declaration {
  readonly key: string;
  readonly type: string;
  readonly needs: readonly string[];
  readonly make: (idOf: (key: string) => string) => AnyResource;
}

/** The settings of a machine that change. */
interface Machine {
  readonly kind: 'vm';
  cores: number;
  memoryMib: number;
  diskGib: number;
  isOn: boolean;
  label: number;
  readonly hasPort: string | undefined;
  dataVolume: string | undefined;
}

interface Volume {
  readonly kind: 'volume';
  sizeGib: number;
}

interface Port {
  readonly kind: 'port';
  label: number;
}

interface Fleet {
  readonly kind: 'vm_fleet';
  replicas: number;
}

type Thing = Machine | Volume | Port | Fleet;

/** How much is declared at most. */
const thingsMax = 9;
const coresMax = 2;
const replicasMax = 3;

/** A configuration that changes. */
export class Configuration {
  readonly #things = new Map<string, Thing>();
  readonly #chance: Chance;
  readonly #name: string;
  /** Volumes that a machine had once are on its node; others may be elsewhere. */
  readonly #usedOnce = new Set<string>();
  #count = 0;
  #isBaseThere = true;

  /** `name` sets the resources of several clients apart. */
  constructor(name: string, chance: Chance) {
    this.#name = name;
    this.#chance = chance;
  }

  /** Takes everything out. */
  clear(): void {
    this.#things.clear();
    this.#isBaseThere = false;
  }

  /** Takes out what there is no room for. */
  giveUp(key: string): void {
    this.#things.delete(key);
  }

  /** Takes out what there is no room for, or makes some: another one needs less, or goes. */
  makeRoom(key: string): string {
    const others = [...this.#things].filter(
      ([other, { kind }]) => other !== key && (kind === 'vm' || kind === 'vm_fleet'),
    );
    if (others.length === 0 || this.#chance.is(0.5)) {
      this.giveUp(key);
      return `give ${key} up`;
    }
    const [other, thing] = this.#chance.pick(others);
    if (thing.kind === 'vm' && thing.memoryMib > 256) thing.memoryMib -= 256;
    else if (thing.kind === 'vm_fleet' && thing.replicas > 0) thing.replicas -= 1;
    else this.giveUp(other);
    return `${other} makes room for ${key}`;
  }

  /** Changes something; says what. */
  change(): string {
    const { size } = this.#things;
    const isMore = size === 0 || (size < thingsMax && this.#chance.is(0.45));
    if (isMore) return this.#add();
    return this.#chance.is(0.35) ? this.#remove() : this.#edit();
  }

  /** All that is declared, what is needed before what needs it. */
  declarations(): readonly Declaration[] {
    if (!this.#isBaseThere) return [];
    const things = [...this.#things].map(([key, thing]) => this.#declare(key, thing));
    const isUsed = ({ type }: Declaration): boolean => type === 'volume' || type === 'port';
    const users = things.filter((one) => !isUsed(one));
    return [this.#pool(), this.#network(), ...things.filter(isUsed), ...users];
  }

  #add(): string {
    this.#count += 1;
    const kind = this.#chance.pick(['vm', 'vm', 'vm', 'volume', 'port', 'vm_fleet'] as const);
    const key = `${this.#name}-${kind.replace('_', '-')}-${this.#count}`;
    this.#things.set(key, this.#make(kind));
    return `add ${key}`;
  }

  #make(kind: Thing['kind']): Thing {
    if (kind === 'volume') return { kind, sizeGib: 1 };
    if (kind === 'port') return { kind, label: 0 };
    if (kind === 'vm_fleet') return { kind, replicas: this.#chance.between(1, replicasMax) };
    return {
      kind,
      cores: this.#chance.between(1, coresMax),
      memoryMib: 256 * this.#chance.between(1, 3),
      diskGib: 1,
      isOn: true,
      label: 0,
      hasPort: this.#free('port'),
      dataVolume: this.#chance.is(0.5) ? this.#free('volume') : undefined,
    };
  }

  #remove(): string {
    const key = this.#chance.pick([...this.#things.keys()]);
    this.#things.delete(key);
    for (const [other, thing] of [...this.#things]) {
      if (thing.kind !== 'vm') continue;
      if (thing.dataVolume === key) thing.dataVolume = undefined;
      if (thing.hasPort === key) this.#things.delete(other);
    }
    return `remove ${key}`;
  }

  #edit(): string {
    const key = this.#chance.pick([...this.#things.keys()]);
    const thing = this.#things.get(key);
    if (thing?.kind === 'volume') thing.sizeGib += 1;
    if (thing?.kind === 'port') thing.label += 1;
    if (thing?.kind === 'vm_fleet') thing.replicas = this.#chance.between(0, replicasMax);
    if (thing?.kind === 'vm') this.#editMachine(thing);
    return `edit ${key}`;
  }

  #editMachine(vm: Machine): void {
    const what = this.#chance.pick([
      ...(['cores', 'memory', 'disk', 'power', 'label', 'volume'] as const),
    ]);
    if (what === 'memory') vm.memoryMib = 256 * this.#chance.between(1, 3);
    if (what === 'cores') vm.cores = this.#chance.between(1, coresMax);
    if (what === 'disk') vm.diskGib += 1;
    if (what === 'power') vm.isOn = !vm.isOn;
    if (what === 'label') vm.label += 1;
    if (what === 'volume') {
      vm.dataVolume = vm.dataVolume === undefined ? this.#free('volume') : undefined;
    }
  }

  /** A thing that no machine uses yet. */
  #free(kind: 'port' | 'volume'): string | undefined {
    const used = new Set<string | undefined>();
    for (const thing of this.#things.values()) {
      if (thing.kind === 'vm') used.add(kind === 'port' ? thing.hasPort : thing.dataVolume);
    }
    for (const key of this.#usedOnce) used.add(key);
    const free = [...this.#things].filter(([key, one]) => one.kind === kind && !used.has(key));
    if (free.length === 0) return undefined;
    const [key] = this.#chance.pick(free);
    if (kind === 'volume') this.#usedOnce.add(key);
    return key;
  }

  get #poolKey(): string {
    return `${this.#name}-pool`;
  }

  get #networkKey(): string {
    return `${this.#name}-lan`;
  }

  #pool(): Declaration {
    const path = `/pools/${this.#name}`;
    const spec = { backend: { case: 'directory', value: { path } } } as const;
    const make = () => create(StoragePoolSchema, { name: this.#poolKey, spec });
    return { key: this.#poolKey, type: 'storage_pool', needs: [], make };
  }

  #network(): Declaration {
    const spec = { ipv4: { cidr: '10.20.0.0/27', gateway: '10.20.0.1' } };
    const make = () => create(VirtualNetworkSchema, { name: this.#networkKey, spec });
    return { key: this.#networkKey, type: 'network', needs: [], make };
  }

  #declare(key: string, thing: Thing): Declaration {
    const base = { key, type: thing.kind };
    const [pool, lan] = [this.#poolKey, this.#networkKey];
    if (thing.kind === 'volume') {
      const { sizeGib } = thing;
      return {
        ...{ ...base, needs: [pool] },
        make: (idOf) =>
          create(VolumeSchema, {
            name: key,
            spec: { poolId: idOf(pool), sizeGib: BigInt(sizeGib) },
          }),
      };
    }
    if (thing.kind === 'port') {
      const labels = { change: String(thing.label) };
      return {
        ...{ ...base, needs: [lan] },
        make: (idOf) => create(PortSchema, { name: key, labels, spec: { networkId: idOf(lan) } }),
      };
    }
    if (thing.kind === 'vm_fleet') return this.#fleet(base, thing);
    return this.#machine(base, { ...thing });
  }

  #fleet(base: { readonly key: string; readonly type: string }, { replicas }: Fleet): Declaration {
    const [pool, lan] = [this.#poolKey, this.#networkKey];
    const make = (idOf: (key: string) => string) => {
      const value = specOf({ cores: 1, memoryMib: 256, diskGib: 1, isOn: true }, idOf(pool), {
        case: 'port',
        value: { networkId: idOf(lan) },
      });
      return create(VmFleetSchema, {
        name: base.key,
        spec: { replicas, template: { case: 'vm', value } },
      });
    };
    return { ...base, needs: [pool, lan], make };
  }

  #machine(base: { readonly key: string; readonly type: string }, vm: Machine): Declaration {
    const [pool, lan] = [this.#poolKey, this.#networkKey];
    const { hasPort, dataVolume } = vm;
    const make = (idOf: (key: string) => string) => {
      const source =
        hasPort === undefined
          ? ({ case: 'port', value: { networkId: idOf(lan) } } as const)
          : ({ case: 'portId', value: idOf(hasPort) } as const);
      // Named for its volume: a disk's volume can't change, another disk is another one.
      const data = dataVolume && { name: dataVolume, volumeId: idOf(dataVolume) };
      const labels = { change: String(vm.label) };
      const spec = specOf(vm, idOf(pool), source, data);
      return create(VirtualMachineSchema, { name: base.key, labels, spec });
    };
    const needs = [pool, lan, hasPort, dataVolume].filter((one) => one !== undefined);
    return { ...base, needs, make };
  }
}

function specOf(
  vm: Pick<Machine, 'cores' | 'memoryMib' | 'diskGib' | 'isOn'>,
  poolId: string,
  nic:
    | { readonly case: 'port'; readonly value: { readonly networkId: string } }
    | { readonly case: 'portId'; readonly value: string },
  data?: { readonly name: string; readonly volumeId: string } | '',
): VirtualMachineSpec {
  const root = { poolId, sizeGib: BigInt(vm.diskGib) };
  return create(VirtualMachineSpecSchema, {
    powerState: vm.isOn ? PowerState.RUNNING : PowerState.STOPPED,
    cpu: { cores: vm.cores },
    memory: { sizeMib: BigInt(vm.memoryMib) },
    disks: {
      root: { source: { case: 'volume', value: root } },
      ...(data && { [data.name]: { source: { case: 'volumeId' as const, value: data.volumeId } } }),
    },
    nics: { lan: { source: nic } },
  });
}
