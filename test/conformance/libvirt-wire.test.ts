/**
 * One set of behaviours of libvirtd, run against the in-memory fake and a real libvirtd. What
 * passes on both is what drivers may rely on. Guests are QEMU machines without a system.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Domain, DomainEvent, LibvirtApi } from '../../server/src/wire/libvirt/api.js';
import {
  Affect,
  CreateFlag,
  DomainState,
  LibvirtErrorCode,
  Lifecycle,
  PausedReason,
  RunningReason,
  ShutoffReason,
  StoppedDetail,
  XmlFlag,
} from '../../server/src/wire/libvirt/constants.js';
import { isLibvirtError } from '../../server/src/wire/libvirt/errors.js';
import { FakeLibvirtd } from '../../server/src/wire/libvirt/fake.js';
import { childOf, parseXml } from '../../server/src/wire/libvirt/xml.js';
import { realLibvirtdMissing, realTimers, startLibvirtd } from './real-libvirtd.js';

const EVENT_DEADLINE_MS = 10_000;
const UUID = '01890000-0000-7000-8000-000000000001';
const URI = 'urn:test:metadata';

/** A guest may end by itself between a look and the clean-up: a daemon killed early loses it. */
function ignoreStopped(error: unknown): void {
  if (!isLibvirtError(error, LibvirtErrorCode.OPERATION_INVALID)) throw error;
}

/** A daemon under test. */
interface Subject {
  connect(): Promise<LibvirtApi>;
  kill(domain: Domain): Promise<void>;
  restart(): Promise<void>;
  stop(): Promise<void>;
}

interface Options {
  readonly name?: string;
  readonly uuid?: string;
  readonly memoryMib?: number;
  readonly devices?: string;
}

function domainXml({ name = 'guest', uuid = UUID, memoryMib = 32, devices = '' }: Options = {}) {
  const ports = [1, 2, 3, 4, 5, 6].map(
    (index) => `<controller type='pci' index='${index}' model='pcie-root-port'/>`,
  );
  return `<domain type='qemu'><name>${name}</name><uuid>${uuid}</uuid>
    <metadata><t:vm xmlns:t='${URI}' id='a'/></metadata>
    <memory unit='MiB'>${memoryMib}</memory><vcpu>1</vcpu>
    <os><type arch='x86_64' machine='q35'>hvm</type></os><features><acpi/></features>
    <devices><controller type='pci' index='0' model='pcie-root'/>${ports.join('')}
    <controller type='usb' model='none'/>${devices}<memballoon model='virtio'/>
    <channel type='unix'><target type='virtio' name='org.qemu.guest_agent.0'/></channel>
    </devices></domain>`;
}

async function fakeSubject(): Promise<Subject> {
  const daemon = new FakeLibvirtd({ timers: realTimers, guest: { ignoresShutdown: () => true } });
  return {
    connect: () => daemon.connect(),
    kill: async (domain) => daemon.kill(domain.uuid),
    restart: async () => daemon.restart(),
    stop: async () => daemon.stop(),
  };
}

async function realSubject(): Promise<Subject> {
  const daemon = await startLibvirtd();
  return {
    connect: () => daemon.connect(),
    async kill(domain) {
      const pid = await daemon.exec('cat', `/run/libvirt/qemu/${domain.name}.pid`);
      await daemon.exec('kill', '-9', pid.trim());
    },
    restart: () => daemon.restart(),
    stop: () => daemon.stop(),
  };
}

/** Collects events and waits until one of them fits. */
function eventLog(api: LibvirtApi) {
  const events: DomainEvent[] = [];
  let wake: () => void = () => undefined;
  api.onEvent((event) => {
    events.push(event);
    wake();
  });
  const find = (event: number, detail?: number) =>
    events.find(
      (each) =>
        each.kind === 'lifecycle' &&
        each.event === event &&
        (detail === undefined || each.detail === detail),
    );
  return {
    events,
    async lifecycle(event: number, detail?: number): Promise<DomainEvent> {
      const deadline = Date.now() + EVENT_DEADLINE_MS;
      for (;;) {
        const found = find(event, detail);
        if (found !== undefined) return found;
        const leftMs = deadline - Date.now();
        if (leftMs <= 0) throw new Error(`no event ${event} in ${JSON.stringify(events)}`);
        await new Promise<void>((resolve) => {
          const timer = setTimeout(resolve, leftMs);
          wake = () => {
            clearTimeout(timer);
            resolve();
          };
        });
      }
    },
  };
}

const fails = (code: number) => ({ name: 'LibvirtError', code });

const missing = realLibvirtdMissing();
const subjects: [string, () => Promise<Subject>][] = [['in memory', fakeSubject]];
if (missing === undefined) subjects.push(['of this machine', realSubject]);
else test.skip(`libvirtd of this machine: ${missing}`, () => undefined);

/** A real hypervisor on a busy machine takes its time. */
jest.setTimeout(120_000);

describe.each(subjects)('libvirtd %s', (_, start) => {
  let subject: Subject;
  let api: LibvirtApi;
  let folder: string;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'limiquantix-wire-'));
    subject = await start();
  });
  afterAll(async () => {
    await subject?.stop();
    rmSync(folder, { recursive: true });
  });
  beforeEach(async () => {
    api = await subject.connect();
  });
  afterEach(async () => {
    for (const domain of await api.listAllDomains()) {
      const { state } = await api.state(domain);
      const persistent = (await api.xmlDesc(domain, XmlFlag.INACTIVE)) !== '';
      if (state !== DomainState.SHUTOFF) await api.destroy(domain, 0).catch(ignoreStopped);
      if (persistent) await api.undefine(domain, 0).catch(() => undefined);
    }
    await api.close();
  });

  async function memoryKib(domain: Domain, flags: number): Promise<number> {
    const definition = parseXml(await api.xmlDesc(domain, flags));
    return Number(childOf(definition, 'memory')?.text);
  }

  test('tells about its node', async () => {
    const [versions, info, memory] = await Promise.all([
      api.versions(),
      api.nodeInfo(),
      api.nodeMemory(),
    ]);
    expect(versions.hypervisor).toBeGreaterThan(1_000_000);
    expect(versions.library).toBeGreaterThan(1_000_000);
    expect(info.cpus).toBeGreaterThan(0);
    expect(memory.totalKib).toBeGreaterThan(memory.freeKib);
    expect(parseXml(await api.capabilitiesXml()).name).toBe('capabilities');
    expect(await api.hostname()).not.toBe('');
  });

  test('saves the memory of a domain and goes on from there', async () => {
    const domain = await api.defineXml(domainXml());
    for (const reason of [RunningReason.BOOTED, RunningReason.RESTORED]) {
      await api.create(domain, CreateFlag.NONE);
      expect(await api.state(domain)).toEqual({ state: DomainState.RUNNING, reason });
      await api.managedSave(domain);
      expect((await api.state(domain)).reason).toBe(ShutoffReason.SAVED);
    }
    await api.removeManagedSave(domain);
    expect(await api.hasManagedSave(domain)).toBe(false);
  });

  test('runs a domain through its life and tells each step', async () => {
    const log = eventLog(api);
    const domain = await api.defineXml(domainXml());
    expect(domain).toEqual({ name: 'guest', uuid: UUID, id: -1 });
    expect(await api.state(domain)).toEqual({ state: DomainState.SHUTOFF, reason: 0 });
    const running = await api.create(domain, CreateFlag.NONE);
    expect(running.id).toBeGreaterThan(0);
    expect(await api.listAllDomains()).toEqual([running]);
    expect(await api.lookupByUuid(UUID)).toEqual(running);
    expect(await api.state(domain)).toEqual({
      state: DomainState.RUNNING,
      reason: RunningReason.BOOTED,
    });
    await api.suspend(domain);
    await api.suspend(domain);
    expect(await api.state(domain)).toEqual({
      state: DomainState.PAUSED,
      reason: PausedReason.USER,
    });
    await api.resume(domain);
    await api.reset(domain);
    await api.destroy(domain, 0);
    expect(await api.state(domain)).toEqual({
      state: DomainState.SHUTOFF,
      reason: ShutoffReason.DESTROYED,
    });
    await log.lifecycle(Lifecycle.DEFINED, 0);
    await log.lifecycle(Lifecycle.STARTED);
    await log.lifecycle(Lifecycle.SUSPENDED);
    await log.lifecycle(Lifecycle.RESUMED);
    // SHUTDOWN comes only where QEMU gets to say it before it is killed: nobody may wait for it.
    await log.lifecycle(Lifecycle.STOPPED, StoppedDetail.DESTROYED);
    await api.undefine(domain, 0);
    await log.lifecycle(Lifecycle.UNDEFINED);
    expect(await api.listAllDomains()).toEqual([]);
  });

  test('starts a domain paused', async () => {
    const domain = await api.defineXml(domainXml());
    await api.create(domain, CreateFlag.PAUSED);
    expect((await api.state(domain)).state).toBe(DomainState.PAUSED);
  });

  test('answers with the same codes when a call makes no sense', async () => {
    const { NO_DOMAIN, OPERATION_INVALID, OPERATION_FAILED, XML_DETAIL, XML_ERROR } =
      LibvirtErrorCode;
    await expect(api.lookupByUuid(UUID)).rejects.toMatchObject(fails(NO_DOMAIN));
    await expect(api.defineXml('<domain')).rejects.toMatchObject(fails(XML_DETAIL));
    await expect(api.defineXml('<network/>')).rejects.toMatchObject(fails(XML_ERROR));
    const noSystem = "<domain type='qemu'><name>x</name><memory>1</memory></domain>";
    await expect(api.defineXml(noSystem)).rejects.toMatchObject(fails(XML_ERROR));
    const domain = await api.defineXml(domainXml());
    const other = '01890000-0000-7000-8000-000000000002';
    await expect(api.defineXml(domainXml({ uuid: other }))).rejects.toMatchObject(
      fails(OPERATION_FAILED),
    );
    await expect(api.defineXml(domainXml({ name: 'other' }))).rejects.toMatchObject(
      fails(OPERATION_FAILED),
    );
    for (const call of [
      () => api.shutdown(domain, 0),
      () => api.destroy(domain, 0),
      () => api.suspend(domain),
      () => api.resume(domain),
      () => api.reset(domain),
      () => api.agentCommand(domain, '{"execute":"guest-ping"}', 1),
      () => api.blockResize(domain, 'vda', 1_048_576n),
    ]) {
      await expect(call()).rejects.toMatchObject(fails(OPERATION_INVALID));
    }
    await api.create(domain, 0);
    await expect(api.create(domain, 0)).rejects.toMatchObject(fails(OPERATION_INVALID));
    await expect(api.resume(domain)).rejects.toMatchObject(fails(OPERATION_INVALID));
    await api.destroy(domain, 0);
    await api.undefine(domain, 0);
    await expect(api.undefine(domain, 0)).rejects.toMatchObject(fails(NO_DOMAIN));
    await expect(api.xmlDesc(domain, 0)).rejects.toMatchObject(fails(NO_DOMAIN));
  });

  test('keeps the running definition when a new one is made, until it restarts', async () => {
    const domain = await api.defineXml(domainXml());
    await api.create(domain, 0);
    await api.defineXml(domainXml({ memoryMib: 48 }));
    expect(await memoryKib(domain, 0)).toBe(32 * 1_024);
    expect(await memoryKib(domain, XmlFlag.INACTIVE)).toBe(48 * 1_024);
    await api.destroy(domain, 0);
    await api.create(domain, 0);
    expect(await memoryKib(domain, 0)).toBe(48 * 1_024);
  });

  test('makes a running domain transient when it is undefined', async () => {
    const domain = await api.defineXml(domainXml());
    await api.create(domain, 0);
    expect(await api.isPersistent(domain)).toBe(true);
    await api.undefine(domain, 0);
    expect(await api.isPersistent(domain)).toBe(false);
    await expect(api.undefine(domain, 0)).rejects.toMatchObject(
      fails(LibvirtErrorCode.OPERATION_INVALID),
    );
    expect(await api.listAllDomains()).toHaveLength(1);
    await api.destroy(domain, 0);
    expect(await api.listAllDomains()).toEqual([]);
  });

  test('forgets a transient domain when it stops', async () => {
    const domain = await api.createXml(domainXml(), 0);
    await expect(api.createXml(domainXml(), 0)).rejects.toMatchObject(
      fails(LibvirtErrorCode.OPERATION_INVALID),
    );
    await api.destroy(domain, 0);
    expect(await api.listAllDomains()).toEqual([]);
  });

  test('tells that a guest died, and keeps its definition', async () => {
    const log = eventLog(api);
    const domain = await api.create(await api.defineXml(domainXml()), 0);
    await subject.kill(domain);
    await log.lifecycle(Lifecycle.STOPPED, StoppedDetail.FAILED);
    expect(await api.state(domain)).toEqual({
      state: DomainState.SHUTOFF,
      reason: ShutoffReason.CRASHED,
    });
  });

  test('asks a guest to shut down without forcing it', async () => {
    const domain = await api.create(await api.defineXml(domainXml()), 0);
    await api.shutdown(domain, 0);
    expect((await api.state(domain)).state).toBe(DomainState.RUNNING);
    await api.suspend(domain);
    await expect(api.shutdown(domain, 0)).rejects.toMatchObject(
      fails(LibvirtErrorCode.OPERATION_INVALID),
    );
  });

  test('has no agent before a guest brings it up', async () => {
    const domain = await api.create(await api.defineXml(domainXml()), 0);
    const ping = api.agentCommand(domain, '{"execute":"guest-ping"}', 1);
    await expect(ping).rejects.toMatchObject(fails(LibvirtErrorCode.AGENT_UNRESPONSIVE));
  });

  test('attaches a disk live, lets it grow and detaches it from the definition', async () => {
    const file = join(folder, 'disk.raw');
    await writeFile(file, Buffer.alloc(1_048_576));
    const disk = (target: string, alias: string) => `<disk type='file' device='disk'>
      <driver name='qemu' type='raw'/><source file='${file}'/>
      <target dev='${target}' bus='virtio'/><alias name='ua-${alias}'/></disk>`;
    const both = Affect.LIVE | Affect.CONFIG;
    const domain = await api.create(await api.defineXml(domainXml()), 0);
    const diskCount = async (flags: number) =>
      [...(await api.xmlDesc(domain, flags)).matchAll(/<disk /g)].length;
    await api.attachDevice(domain, { xml: disk('vda', 'a'), flags: both });
    expect([await diskCount(0), await diskCount(XmlFlag.INACTIVE)]).toEqual([1, 1]);
    expect(await api.xmlDesc(domain, XmlFlag.INACTIVE)).toContain('ua-a');
    await expect(
      api.attachDevice(domain, { xml: disk('vdb', 'a'), flags: both }),
    ).rejects.toMatchObject(fails(LibvirtErrorCode.CONFIG_UNSUPPORTED));
    await api.blockResize(domain, 'vda', 2_097_152n);
    expect((await api.blockInfo(domain, 'vda')).capacityBytes).toBe(2_097_152n);
    await expect(api.blockResize(domain, 'vdq', 2_097_152n)).rejects.toMatchObject(
      fails(LibvirtErrorCode.INVALID_ARG),
    );
    await api.detachDevice(domain, { xml: disk('vda', 'a'), flags: Affect.CONFIG });
    expect([await diskCount(0), await diskCount(XmlFlag.INACTIVE)]).toEqual([1, 0]);
    await expect(
      api.detachDevice(domain, { xml: disk('vdc', 'c'), flags: Affect.CONFIG }),
    ).rejects.toMatchObject(fails(LibvirtErrorCode.DEVICE_MISSING));
  });

  test('keeps metadata by namespace', async () => {
    const domain = await api.defineXml(domainXml());
    expect(parseXml(await api.metadata(domain, URI, Affect.CONFIG))).toMatchObject({
      name: 'vm',
      attributes: { id: 'a' },
    });
    await api.setMetadata(domain, {
      uri: URI,
      prefix: 't',
      xml: "<vm id='b'/>",
      flags: Affect.CONFIG,
    });
    expect(parseXml(await api.metadata(domain, URI, Affect.CONFIG)).attributes).toEqual({
      id: 'b',
    });
    const clear = { uri: URI, prefix: 't', xml: null, flags: Affect.CONFIG };
    await api.setMetadata(domain, clear);
    await expect(api.metadata(domain, URI, Affect.CONFIG)).rejects.toMatchObject(
      fails(LibvirtErrorCode.NO_DOMAIN_METADATA),
    );
  });

  test('bounds memory and processors by their ceilings', async () => {
    const domain = await api.create(await api.defineXml(domainXml()), 0);
    await api.setMemory(domain, 16_384n, Affect.LIVE);
    const { INVALID_ARG } = LibvirtErrorCode;
    await expect(api.setMemory(domain, 1_048_576n, Affect.LIVE)).rejects.toMatchObject(
      fails(INVALID_ARG),
    );
    await expect(api.setVcpus(domain, 4, Affect.LIVE)).rejects.toMatchObject(fails(INVALID_ARG));
  });

  test('drops its connections when it restarts, but no guest', async () => {
    const domain = await api.create(await api.defineXml(domainXml()), 0);
    const closed = new Promise((resolve) => api.onClosed(resolve));
    await subject.restart();
    await closed;
    await expect(api.hostname()).rejects.toMatchObject({ name: 'LibvirtClosedError' });
    api = await subject.connect();
    expect((await api.state(domain)).state).toBe(DomainState.RUNNING);
  });
});
