/**
 * One node with the driver for virtual machines on it, a few resources and a way to let it come to
 * rest: what the agent does, without a loop, so that a suite decides when a call fails. The same
 * for a simulated libvirtd under virtual time, and a real one under time that runs faster.
 */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { clone, create, type MessageInitShape } from '@bufbuild/protobuf';
import {
  CpuSpecSchema,
  MemorySpecSchema,
  type VirtualMachine,
  VirtualMachineSchema,
  VirtualMachineSpecSchema,
  type VirtualMachineStatus,
  VirtualMachineStatusSchema,
} from '@limiquantix/proto/compute/v1/vm_pb.js';
import { VirtualNetworkSchema } from '@limiquantix/proto/network/v1/network_pb.js';
import { PortSchema } from '@limiquantix/proto/network/v1/port_pb.js';
import { OperationSchema } from '@limiquantix/proto/operations/v1/operation_pb.js';
import { StoragePoolSchema } from '@limiquantix/proto/storage/v1/storage_pool_pb.js';
import { VolumeSchema } from '@limiquantix/proto/storage/v1/volume_pb.js';
import { provisionedFileOf } from '../../server/src/drivers/directory/layout.js';
import {
  createMemoryNodeFiles,
  createNodeFiles,
  type NodeFiles,
} from '../../server/src/drivers/libvirt/node-files.js';
import type { VmAction } from '../../server/src/drivers/libvirt/observed.js';
import type { Accelerator } from '../../server/src/drivers/libvirt/plan.js';
import { VmDriver } from '../../server/src/drivers/libvirt/vm-driver.js';
import type { Clock } from '../../server/src/reconcile/clock.js';
import type { Lookup } from '../../server/src/reconcile/driver.js';
import { VirtualClock } from '../../server/src/reconcile/virtual-clock.js';
import type { AnyResource } from '../../server/src/resource/resource.js';
import type { LibvirtApi, LibvirtConnect } from '../../server/src/wire/libvirt/api.js';
import { FakeLibvirtd, type FakeLibvirtdOptions } from '../../server/src/wire/libvirt/fake.js';
import { OPEN_VSWITCH, startLibvirtd } from './real-libvirtd.js';

export const vmId = '00000000-0000-7000-8000-000000000001';
export const networkId = '00000000-0000-7000-8000-00000000000a';
export const poolId = '00000000-0000-7000-8000-00000000000b';
export const mebibyte = 1_048_576;

const PASSES_MAX = 40;
const STEP_MS = 500;
/** Real time is made to run so many times faster for the driver. */
const SPEED = 10;

/** A libvirtd with its surroundings. */
export interface Backend {
  readonly name: 'fake' | 'real';
  readonly clock: Clock;
  readonly files: NodeFiles;
  /** Where the pool's directory is. */
  readonly folder: string;
  readonly connect: LibvirtConnect;
  /** What guests run on, where drivers need not try it once more, which takes them seconds. */
  readonly accelerator?: Accelerator;
  /** Makes the file of a volume. */
  makeDisk(path: string): Promise<void>;
  /** A guest's process dies. */
  kill(id: string): Promise<void>;
  /** libvirtd dies and starts again; guests stay. */
  restart(): Promise<void>;
  /** Lets so much of the driver's time pass. */
  pass(ms: number): Promise<void>;
  stop(): Promise<void>;
}

/** A simulated libvirtd. */
export async function fakeBackend(options: Partial<FakeLibvirtdOptions> = {}): Promise<Backend> {
  const clock = new VirtualClock(1_000_000);
  const daemon = new FakeLibvirtd({ timers: clock, ...options });
  return {
    name: 'fake',
    clock,
    files: createMemoryNodeFiles(),
    folder: '/simulated/pool',
    connect: () => daemon.connect(),
    makeDisk: async () => undefined,
    kill: async (id) => daemon.kill(id),
    restart: async () => daemon.restart(),
    async pass(ms) {
      clock.advance(ms);
      for (let turn = 0; turn < 50; turn += 1) await Promise.resolve();
    },
    stop: async () => daemon.stop(),
  };
}

/** A real libvirtd with Open vSwitch beside it. */
export async function realBackend(): Promise<Backend> {
  const daemon = await startLibvirtd(OPEN_VSWITCH);
  const startedMs = Date.now();
  const wait = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));
  const backend: Backend = {
    name: 'real',
    folder: daemon.folder,
    clock: {
      nowMs: () => startedMs + (Date.now() - startedMs) * SPEED,
      after(delayMs, fn) {
        const timer = setTimeout(fn, delayMs / SPEED);
        return () => clearTimeout(timer);
      },
    },
    files: createNodeFiles(join(daemon.folder, 'machines')),
    connect: () => daemon.connect(),
    async makeDisk(path) {
      await daemon.exec('mkdir', '-p', join(path, '..'));
      await writeFile(path, Buffer.alloc(mebibyte));
    },
    async kill(id) {
      const pid = await daemon.exec('cat', `/run/libvirt/qemu/lqx-${id}.pid`);
      await daemon.exec('kill', '-9', pid.trim());
    },
    restart: () => daemon.restart(),
    pass: (ms) => wait(ms / SPEED),
    stop: () => daemon.stop(),
  };
  const { driver } = new VmWorld(backend);
  const accelerator = await driver.accelerator();
  await driver.close();
  return { ...backend, accelerator };
}

/** Calls that change something, for faults. */
const CHANGES: ReadonlySet<string> = new Set<keyof LibvirtApi>([
  'defineXml',
  'create',
  'shutdown',
  'destroy',
  'undefine',
  'suspend',
  'reset',
  'managedSave',
  'removeManagedSave',
  'resume',
  'attachDevice',
  'detachDevice',
  'setMetadata',
]);

/** A fault at the n-th changing call, before or after its effect. */
export interface Fault {
  readonly at: number;
  readonly afterEffect: boolean;
}

/** One node with one machine. */
export class VmWorld implements Lookup {
  readonly backend: Backend;
  driver: VmDriver;
  /** Changing calls that were made. */
  readonly calls: string[] = [];
  /** Those of them that are about the machine, and not to find out what the host can do. */
  ownCalls = 0;
  fault: Fault | undefined;
  readonly #resources = new Map<string, AnyResource>();

  constructor(backend: Backend) {
    this.backend = backend;
    this.driver = this.#makeDriver();
    const directory = { case: 'directory', value: { path: backend.folder } } as const;
    this.#put(
      'storage_pool',
      create(StoragePoolSchema, { id: poolId, spec: { backend: directory } }),
    );
    this.#put('network', create(VirtualNetworkSchema, { id: networkId, spec: { mtu: 1_400 } }));
  }

  get<R extends AnyResource>(type: string, id: string): R | undefined {
    return this.#resources.get(`${type}/${id}`) as R | undefined;
  }

  list<R extends AnyResource>(type: string): readonly R[] {
    const entries = [...this.#resources].filter(([key]) => key.startsWith(`${type}/`));
    return entries.map(([, resource]) => resource as R);
  }

  referrers<R extends AnyResource>(type: string, id: string): readonly R[] {
    return this.list<R>(type).filter(({ owner }) => owner?.id === id);
  }

  nowMs(): number {
    return this.backend.clock.nowMs();
  }

  /** A second agent in place of the first, which lost what it had in memory. */
  async restartAgent(): Promise<void> {
    await this.driver.close();
    this.driver = this.#makeDriver();
  }

  /** Adds the machine, or changes its spec. */
  putVm(spec: MessageInitShape<typeof VirtualMachineSpecSchema>): void {
    const previous = this.get<VirtualMachine>('vm', vmId);
    const defaults = {
      cpu: create(CpuSpecSchema, { cores: 1 }),
      memory: create(MemorySpecSchema, { sizeMib: 64n }),
    };
    this.#put(
      'vm',
      create(VirtualMachineSchema, {
        id: vmId,
        name: 'guest',
        projectId: 'default',
        generation: (previous?.generation ?? 0n) + 1n,
        spec: create(VirtualMachineSpecSchema, Object.assign(defaults, spec)),
        ...(previous?.status === undefined ? {} : { status: previous.status }),
      }),
    );
  }

  /** Adds an operation on the machine, or a newer version of it. */
  putOperation(id: string, spec: MessageInitShape<typeof OperationSchema>['spec']): void {
    this.#put('operation', create(OperationSchema, { id, spec: { targetId: vmId, ...spec } }));
  }

  /** Adds the volume behind a disk of the machine, and makes its file. */
  async addVolume(device: string): Promise<string> {
    const id = idOf('1', device);
    const spec = { poolId, sizeGib: 1n };
    const status = { provisioned: true, format: 'raw', sizeBytes: BigInt(mebibyte) };
    const owner = { type: 'vm', id: vmId, device };
    const volume = create(VolumeSchema, { id, name: `guest-${device}`, spec, owner, status });
    this.#put('volume', volume);
    await this.backend.makeDisk(this.diskPath(device));
    return id;
  }

  diskPath(device: string): string {
    return join(this.backend.folder, 'volumes', `${idOf('1', device)}.raw`);
  }

  /** Adds the port behind an interface of the machine. */
  addPort(device: string): string {
    const id = idOf('2', device);
    const status = { macAddress: `02:00:00:00:00:${id.slice(-2)}`, ipAddresses: ['10.0.0.5'] };
    const owner = { type: 'vm', id: vmId, device };
    this.#put('port', create(PortSchema, { id, spec: { networkId }, owner, status }));
    return id;
  }

  vm(): VirtualMachine {
    const vm = this.get<VirtualMachine>('vm', vmId);
    if (vm === undefined) throw new Error('there is no machine');
    return vm;
  }

  status(): VirtualMachineStatus {
    return this.vm().status ?? create(VirtualMachineStatusSchema);
  }

  /** Looks and acts until there is nothing to do right now, and takes the status over. */
  async reconcile(): Promise<VmAction[]> {
    const done: VmAction[] = [];
    for (let pass = 0; pass < PASSES_MAX; pass += 1) {
      const observed = await this.meanwhile(this.driver.observe(this.vm()));
      const { actions, status } = this.driver.diff(this.vm(), observed, this);
      if (actions.length === 0) {
        const vm = clone(VirtualMachineSchema, this.vm());
        vm.status = Object.assign(create(VirtualMachineStatusSchema), vm.status, status);
        this.#put('vm', vm);
        return done;
      }
      for (const action of actions) {
        await this.meanwhile(this.driver.apply(this.vm(), action));
        done.push(action);
      }
    }
    throw new Error(`no rest after ${PASSES_MAX} passes: ${done.map(({ kind }) => kind)}`);
  }

  /** Reconciles while time passes, until the status is so. */
  async until(
    what: string,
    isSo: (status: VirtualMachineStatus) => boolean,
    withinMs = 120_000,
  ): Promise<void> {
    const deadlineMs = this.nowMs() + withinMs;
    for (;;) {
      await this.reconcile();
      if (isSo(this.status())) return;
      if (this.nowMs() > deadlineMs) {
        throw new Error(`not ${what}: ${JSON.stringify(this.status(), bigintText)}`);
      }
      await this.backend.pass(STEP_MS);
    }
  }

  /** Lets time pass until something has come to its end. */
  async meanwhile<T>(work: Promise<T>): Promise<T> {
    let isDone = false;
    const ended = work.finally(() => {
      isDone = true;
    });
    ended.catch(() => undefined);
    if (this.backend.name === 'fake') while (!isDone) await this.backend.pass(10);
    return await ended;
  }

  /** Until the node has brought the spec about. */
  settled(): Promise<void> {
    return this.until('settled', ({ nodeGeneration }) => nodeGeneration === this.vm().generation);
  }

  /** Removes the machine, while time passes. */
  async remove(): Promise<void> {
    const deadlineMs = this.nowMs() + 120_000;
    while (!(await this.driver.remove(this.vm())).gone) {
      if (this.nowMs() > deadlineMs) throw new Error('not removed');
      await this.backend.pass(STEP_MS);
    }
  }

  /** A connection beside the driver's: an administrator's. */
  aside<T>(work: (api: LibvirtApi) => Promise<T>): Promise<T> {
    return this.backend.connect().then(async (api) => {
      const result = await work(api);
      await api.close();
      return result;
    });
  }

  async stop(): Promise<void> {
    await this.driver.close();
    await this.aside(async (api) => {
      for (const domain of await api.listAllDomains()) {
        await api.destroy(domain, 0).catch(() => undefined);
        await api.undefine(domain, 0).catch(() => undefined);
      }
    });
  }

  #put(type: string, resource: AnyResource): void {
    this.#resources.set(`${type}/${resource.id}`, resource);
  }

  #makeDriver(): VmDriver {
    const { accelerator } = this.backend;
    return new VmDriver({
      ...(accelerator !== undefined && { accelerator }),
      connect: async () => this.#faulty(await this.backend.connect()),
      clock: this.backend.clock,
      poke: () => undefined,
      files: this.backend.files,
      volumeFile: provisionedFileOf,
      checksumOffload: () => false,
      bridge: 'br-int',
      cacheMode: 'writeback',
    });
  }

  /** The connection, with the fault in it. */
  #faulty(api: LibvirtApi): LibvirtApi {
    return new Proxy(api, {
      get: (target, name: keyof LibvirtApi) => {
        const method = target[name] as (...args: unknown[]) => Promise<unknown>;
        if (typeof method !== 'function' || !CHANGES.has(name)) return method;
        return async (...args: unknown[]) => {
          this.calls.push(name);
          if (JSON.stringify(args, bigintText).includes(vmId)) this.ownCalls += 1;
          const isDue = this.fault?.at === this.calls.length;
          if (isDue && this.fault?.afterEffect === false) throw new Error(`fault before ${name}`);
          const result = await method.apply(target, args);
          if (isDue) throw new Error(`fault after ${name}`);
          return result;
        };
      },
    });
  }
}

function idOf(kind: string, device: string): string {
  const digits = Buffer.from(device).toString('hex').slice(-10).padStart(10, '0');
  return `00000000-0000-7000-800${kind}-00${digits}`;
}

function bigintText(_: string, value: unknown): unknown {
  return typeof value === 'bigint' ? String(value) : value;
}
