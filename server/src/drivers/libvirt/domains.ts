/**
 * Our domains on one libvirtd: reading them and carrying out single steps. Each step can be
 * repeated after a crash at any point; what was there already, or gone already, is no error.
 */
import {
  type BackendObject,
  foreignObject,
  keysOf,
  ownObject,
} from '../../decide/backend-object.js';
import type { Clock } from '../../reconcile/clock.js';
import type { Domain, LibvirtApi } from '../../wire/libvirt/api.js';
import {
  Affect,
  CreateFlag,
  DomainState,
  LibvirtErrorCode,
  ShutdownFlag,
  UndefineFlag,
  XmlFlag,
} from '../../wire/libvirt/constants.js';
import { isLibvirtError } from '../../wire/libvirt/errors.js';
import { formatXml, parseXml } from '../../wire/libvirt/xml.js';
import { detachAttempt } from './difference.js';
import { domainNameOf, type Marks, METADATA_PREFIX, METADATA_URI, marksXml } from './domain-xml.js';
import { explain } from './libvirt-error.js';
import type { NodeFiles } from './node-files.js';
import type { ObservedDomain, VmAction } from './observed.js';
import { Attempt, isStartingUp } from './power.js';
import { type DomainReading, readDomain } from './read-domain.js';
import { createSeed } from './seed.js';
import { VolumeUse, type VolumeUser } from './volume-use.js';

const { NO_DOMAIN, NO_DOMAIN_METADATA, OPERATION_INVALID, DEVICE_MISSING } = LibvirtErrorCode;
const ACTIVE: readonly number[] = [
  DomainState.RUNNING,
  DomainState.BLOCKED,
  DomainState.PAUSED,
  DomainState.SHUTDOWN,
  DomainState.PMSUSPENDED,
];
const UNDEFINE_ALL =
  UndefineFlag.MANAGED_SAVE |
  UndefineFlag.SNAPSHOTS_METADATA |
  UndefineFlag.NVRAM |
  UndefineFlag.CHECKPOINTS_METADATA;
const STRAY_POLL_MS = 250;

/** What it works with. */
export interface DomainsOptions {
  readonly api: () => Promise<LibvirtApi>;
  readonly clock: Clock;
  readonly files: NodeFiles;
}

/** The domains of one node. */
export class Domains {
  readonly #options: DomainsOptions;
  /** When guests were last asked for something; only limits how often, so it may be lost. */
  readonly #attempts = new Map<string, Map<string, number>>();
  readonly #volumes = new VolumeUse();
  /** What was read last: most looks find the same text again. */
  readonly #texts = new Map<string, { config: ReadText; live: ReadText | undefined }>();
  #scanned: Promise<void> | undefined;

  constructor(options: DomainsOptions) {
    this.#options = options;
  }

  /** How libvirt calls identify a machine's domain. */
  refOf(vmId: string): Domain {
    return { name: domainNameOf(vmId), uuid: vmId, id: -1 };
  }

  /** Marks for a domain that has lost its own. */
  newMarks(vmId: string): Marks {
    return {
      vmId,
      projectId: '',
      generation: 0n,
      power: 'defined',
      restarts: 0,
      restartsInRow: 0,
      startedAtMs: 0,
      operationId: '',
    };
  }

  /** When the machine's guest was last asked for something. */
  attemptsOf(vmId: string): ReadonlyMap<string, number> {
    return new Map(this.#attempts.get(vmId));
  }

  /** The machine's domain, or undefined where there is none. */
  observe(vmId: string): Promise<ObservedDomain | undefined> {
    return explain("read the machine's domain", async () => {
      const domain = await orUndefined(this.#read(vmId), NO_DOMAIN);
      this.#volumes.note(vmId, domain);
      if (domain?.live === undefined) this.#attempts.delete(vmId);
      else if (isStartingUp(domain)) this.#noteFirst(vmId, Attempt.startingUp);
      return domain;
    });
  }

  /** A domain that has the volume; looks at all domains of ours the first time. */
  volumeUser(volumeId: string): Promise<VolumeUser | undefined> {
    return explain('find out who uses the volume', async () => {
      this.#scanned ??= this.#scan().catch((error: unknown) => {
        this.#scanned = undefined;
        throw error;
      });
      await this.#scanned;
      return this.#volumes.userOf(volumeId);
    });
  }

  /** Grows a disk of a running domain, its file included, and tells the guest. */
  growVolume(volumeId: string, sizeBytes: bigint): Promise<void> {
    return explain('grow the disk of a running guest', async () => {
      const user = await this.volumeUser(volumeId);
      if (user?.liveTarget === undefined) return;
      const api = await this.#options.api();
      await api.blockResize(this.refOf(user.vmId), user.liveTarget, sizeBytes);
    });
  }

  /** Carries out one step. */
  apply(vmId: string, action: VmAction): Promise<void> {
    return explain(describe(action), () => this.#perform(vmId, action));
  }

  /** Removes the definition of a domain that is off, and the machine's own files. */
  erase(vmId: string, domain: ObservedDomain | undefined): Promise<void> {
    return explain("remove the machine's domain", async () => {
      const api = await this.#options.api();
      if (domain !== undefined) {
        await orUndefined(api.undefine(this.refOf(vmId), UNDEFINE_ALL), NO_DOMAIN);
      }
      await this.#options.files.removeAll(vmId);
      this.#volumes.note(vmId, undefined);
      this.#texts.delete(vmId);
      this.#attempts.delete(vmId);
    });
  }

  /** The machines that have a domain of ours: one with our metadata. */
  async ours(): Promise<readonly string[]> {
    return keysOf(await this.#listed()).map(({ id }) => id);
  }

  /** All domains, ours or not, and the folders of machines. */
  async objects(): Promise<readonly BackendObject[]> {
    const { files } = this.#options;
    const domains = await this.#listed();
    const folders = (await files.machines()).map((id) => {
      const name = files.folderOf(id);
      return ownObject({ backend: 'files', kind: 'folder', name, type: 'vm', id });
    });
    return [...domains, ...folders];
  }

  #listed(): Promise<readonly BackendObject[]> {
    return explain('list the domains', async () => {
      const api = await this.#options.api();
      return Promise.all(
        (await api.listAllDomains()).map(async (domain) => {
          const { name, uuid, id: runId } = domain;
          const named = { backend: 'libvirt', kind: 'domain', name };
          const detail = runId < 0 ? 'off' : 'running';
          if (name !== domainNameOf(uuid)) return foreignObject({ ...named, detail });
          const reading = api.metadata(domain, METADATA_URI, 0);
          const text = await orUndefined(reading, NO_DOMAIN, NO_DOMAIN_METADATA);
          if (text === undefined) return foreignObject({ ...named, detail });
          const projectId = parseXml(text).attributes['project'] ?? '';
          return ownObject({ ...named, detail, projectId, type: 'vm', id: uuid });
        }),
      );
    });
  }

  /** Takes a domain down and away: gracefully within `patienceMs`, then by force. */
  async removeStray(vmId: string, patienceMs: number): Promise<void> {
    const { clock } = this.#options;
    const deadlineMs = clock.nowMs() + patienceMs;
    let domain = await this.observe(vmId);
    if (domain?.live !== undefined) await this.apply(vmId, { kind: 'shutdown' });
    while (domain?.live !== undefined) {
      if (clock.nowMs() >= deadlineMs) await this.apply(vmId, { kind: 'destroy' });
      await new Promise<void>((resolve) => clock.after(STRAY_POLL_MS, resolve));
      domain = await this.observe(vmId);
    }
    await this.erase(vmId, domain);
  }

  /** The ports that running domains of ours are plugged into. */
  async runningPortIds(): Promise<ReadonlySet<string>> {
    const ports = new Set<string>();
    for (const vmId of await this.ours()) {
      const domain = await this.observe(vmId);
      for (const nic of domain?.live?.plan.nics.values() ?? []) ports.add(nic.portId);
    }
    return ports;
  }

  async #scan(): Promise<void> {
    for (const vmId of await this.ours()) await this.observe(vmId);
  }

  async #read(vmId: string): Promise<ObservedDomain> {
    const api = await this.#options.api();
    const ref = this.refOf(vmId);
    const [{ state, reason }, persistent, inactiveXml, currentXml] = await Promise.all([
      api.state(ref),
      api.isPersistent(ref),
      api.xmlDesc(ref, XmlFlag.SECURE | XmlFlag.INACTIVE),
      api.xmlDesc(ref, XmlFlag.SECURE),
    ]);
    const previous = this.#texts.get(vmId);
    const config = readAgain(previous?.config, inactiveXml);
    const live = ACTIVE.includes(state) ? readAgain(previous?.live, currentXml) : undefined;
    this.#texts.set(vmId, { config, live });
    return { state, reason, persistent, config: config.reading, live: live?.reading };
  }

  async #perform(vmId: string, action: VmAction): Promise<void> {
    const { files } = this.#options;
    const api = await this.#options.api();
    const ref = this.refOf(vmId);
    switch (action.kind) {
      case 'write-seed':
        return await files.write(action.path, createSeed(action.documents));
      case 'remove-seed':
        return await files.remove(action.path);
      case 'define':
        await files.prepare(vmId);
        await api.defineXml(action.xml);
        return;
      case 'mark':
        if (action.marks.power === 'running') this.#attempts.delete(vmId);
        return await setMarks(api, ref, action.marks);
      case 'start':
        return await start(api, ref, action);
      case 'shutdown':
        this.#noteFirst(vmId, Attempt.shutdownFirst);
        this.#note(vmId, Attempt.shutdown);
        return await orUndefined(
          api.shutdown(ref, ShutdownFlag.ACPI_POWER_BUTTON),
          OPERATION_INVALID,
        );
      case 'destroy':
        return await orUndefined(api.destroy(ref, 0), OPERATION_INVALID, NO_DOMAIN);
      case 'save':
        // Noted before: what ends in between is saved again, or was not saved in vain.
        await setMarks(api, ref, action.marks);
        return await orUndefined(api.managedSave(ref), OPERATION_INVALID);
      case 'forget-saved':
        if (await api.hasManagedSave(ref)) await api.removeManagedSave(ref);
        return await setMarks(api, ref, action.marks);
      case 'suspend':
        return await orUndefined(api.suspend(ref), OPERATION_INVALID);
      case 'reset':
        await orUndefined(api.reset(ref), OPERATION_INVALID);
        return await setMarks(api, ref, action.marks);
      case 'resume':
        this.#note(vmId, Attempt.resume);
        return await orUndefined(api.resume(ref), OPERATION_INVALID);
      default:
        return await this.#change(api, vmId, action);
    }
  }

  async #change(
    api: LibvirtApi,
    vmId: string,
    action: Extract<VmAction, { kind: 'attach' | 'detach' }>,
  ): Promise<void> {
    const ref = this.refOf(vmId);
    switch (action.kind) {
      case 'attach':
        return await api.attachDevice(ref, { xml: action.xml, flags: Affect.LIVE });
      case 'detach':
        // libvirt waits for the guest for a while; what counts is when that was over.
        return await detach(api, ref, action.xml).finally(() =>
          this.#note(vmId, detachAttempt(action.device)),
        );
    }
  }

  #note(vmId: string, attempt: string): void {
    const attempts = this.#attempts.get(vmId) ?? new Map<string, number>();
    attempts.set(attempt, this.#options.clock.nowMs());
    this.#attempts.set(vmId, attempts);
  }

  #noteFirst(vmId: string, attempt: string): void {
    if (!this.#attempts.get(vmId)?.has(attempt)) this.#note(vmId, attempt);
  }
}

/** A definition and what it says. */
interface ReadText {
  readonly text: string;
  readonly reading: DomainReading;
}

function readAgain(previous: ReadText | undefined, text: string): ReadText {
  return previous?.text === text ? previous : { text, reading: readDomain(text) };
}

/** Starts the domain, then notes that it runs: a crash in between is mended by `decidePower`. */
async function start(
  api: LibvirtApi,
  ref: Domain,
  action: Extract<VmAction, { kind: 'start' }>,
): Promise<void> {
  try {
    await api.create(ref, action.paused ? CreateFlag.PAUSED : CreateFlag.NONE);
  } catch (error) {
    if (!isLibvirtError(error, OPERATION_INVALID)) throw error;
    const { state } = await api.state(ref);
    if (!ACTIVE.includes(state)) throw error;
  }
  await setMarks(api, ref, action.marks);
}

/** Notes the marks in the definition, and in what runs so that they survive its loss. */
async function setMarks(api: LibvirtApi, ref: Domain, marks: Marks): Promise<void> {
  const xml = formatXml(marksXml(marks, false));
  const change = { uri: METADATA_URI, prefix: METADATA_PREFIX, xml };
  const both = Affect.LIVE | Affect.CONFIG;
  for (const flags of [both, Affect.CONFIG, Affect.LIVE]) {
    try {
      return await api.setMetadata(ref, { ...change, flags });
    } catch (error) {
      if (!isLibvirtError(error, OPERATION_INVALID)) throw error;
    }
  }
}

/** Asks the guest to let go of a device; it may take its time, or may have begun already. */
async function detach(api: LibvirtApi, ref: Domain, xml: string): Promise<void> {
  try {
    await api.detachDevice(ref, { xml, flags: Affect.LIVE });
  } catch (error) {
    const isUnderWay = error instanceof Error && /process of unplug/.test(error.message);
    if (!isUnderWay && !isLibvirtError(error, DEVICE_MISSING, OPERATION_INVALID)) throw error;
  }
}

async function orUndefined<T>(
  work: Promise<T>,
  ...codes: readonly number[]
): Promise<T | undefined> {
  try {
    return await work;
  } catch (error) {
    if (isLibvirtError(error, ...codes)) return undefined;
    throw error;
  }
}

/** What a step was to do, for people. */
function describe(action: VmAction): string {
  switch (action.kind) {
    case 'write-seed':
    case 'remove-seed':
      return "keep the machine's seed";
    case 'define':
      return 'define the machine';
    case 'mark':
      return "note the machine's state";
    case 'start':
      return 'start the guest';
    case 'shutdown':
      return 'shut the guest down';
    case 'destroy':
      return 'force the guest off';
    case 'reset':
      return 'reset the guest';
    case 'save':
      return "save the guest's memory";
    case 'forget-saved':
      return "forget the guest's saved memory";
    case 'suspend':
      return 'halt the guest';
    case 'resume':
      return 'resume the guest';
    case 'attach':
      return `plug ${action.device.replace('ua-', '')} in`;
    case 'detach':
      return `plug ${action.device.replace('ua-', '')} out`;
  }
}
