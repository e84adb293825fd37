/**
 * Which domain type this host can really run: a tiny transient domain is run with KVM first,
 * with the processor that guests get. Capabilities are no proof: with a broken KVM they promise
 * it, and a start aborts, hangs, or succeeds and executes nothing.
 */
import { Code } from '@connectrpc/connect';
import type { Clock } from '../../reconcile/clock.js';
import { LimiError } from '../../resource/error.js';
import type { Domain, LibvirtApi, Unsubscribe } from '../../wire/libvirt/api.js';
import {
  CreateFlag,
  DomainState,
  LibvirtErrorCode,
  Lifecycle,
  StoppedDetail,
} from '../../wire/libvirt/constants.js';
import { isLibvirtError, LibvirtClosedError } from '../../wire/libvirt/errors.js';
import { formatXml, xml } from '../../wire/libvirt/xml.js';
import { cpuModeOf } from './domain-xml.js';
import type { Accelerator } from './plan.js';

/** A start that takes longer than this counts as hanging. */
export const PROBE_START_MS = 10_000;
/** Firmware that has not come to its end after this long is not being executed. */
export const PROBE_RUN_MS = 10_000;

/** Name of the domain that is started for the probe, and its UUID for each kind. */
const PROBE_NAME = 'lqx-probe';
const PROBE_UUIDS: Readonly<Record<Accelerator, string>> = {
  kvm: '6c717870-726f-4265-8000-000000000001',
  qemu: '6c717870-726f-4265-8000-000000000002',
};

/** Finds out by trying. Throws a LimiError when neither kind starts. */
export async function probeAccelerator(api: LibvirtApi, clock: Clock): Promise<Accelerator> {
  const errors: unknown[] = [];
  for (const accelerator of ['kvm', 'qemu'] as const) {
    try {
      await startProbe(api, clock, accelerator);
      return accelerator;
    } catch (error) {
      // Says nothing about the accelerator; the choice must not fall on the slow one for that.
      if (error instanceof LibvirtClosedError) throw error;
      errors.push(error);
    }
  }
  throw new LimiError({
    code: Code.FailedPrecondition,
    reason: 'HYPERVISOR_CANNOT_START',
    message: 'neither kvm nor qemu can start a guest on this node; see the log of libvirtd',
    retryable: true,
    detail: errors.map((error) => (error instanceof Error ? error.message : '')).join('; '),
    cause: errors.at(-1),
  });
}

/**
 * Starts a domain that has nothing to boot from: its firmware resets it at once, which ends it.
 * That proves that instructions are executed; a KVM that hangs looks the same otherwise.
 */
async function startProbe(api: LibvirtApi, clock: Clock, accelerator: Accelerator): Promise<void> {
  const uuid = PROBE_UUIDS[accelerator];
  const probe = { name: `${PROBE_NAME}-${accelerator}`, uuid, id: -1 };
  const ending = new Ending(api, uuid);
  try {
    await destroyIfThere(api, probe);
    ending.expect();
    await api.createXml(probeXml(accelerator), CreateFlag.AUTODESTROY, PROBE_START_MS);
    const detail = await ending.within(clock, PROBE_RUN_MS);
    // Emulation on a busy host is only slow: there is no way in which it executes nothing.
    const isSlow = detail === undefined && accelerator === 'qemu';
    if (isSlow && (await api.state(probe)).state === DomainState.RUNNING) return;
    if (detail !== StoppedDetail.SHUTDOWN) throw new Error(`the probe ended with ${detail}`);
  } finally {
    ending.stop();
    await destroyIfThere(api, probe);
  }
}

/** Waits for the event that a domain has stopped. */
class Ending {
  readonly stop: Unsubscribe;
  #isExpected = false;
  #detail: number | undefined;
  #wake: () => void = () => undefined;

  constructor(api: LibvirtApi, uuid: string) {
    this.stop = api.onEvent((event) => {
      const isStop = event.kind === 'lifecycle' && event.event === Lifecycle.STOPPED;
      if (!isStop || event.domain.uuid !== uuid || !this.#isExpected) return;
      this.#detail = event.detail;
      this.#wake();
    });
  }

  /** From now on, the event counts. */
  expect(): void {
    this.#isExpected = true;
  }

  /** The event's detail, or undefined when there was none in time. */
  async within(clock: Clock, timeoutMs: number): Promise<number | undefined> {
    await new Promise<void>((resolve) => {
      const cancel = clock.after(timeoutMs, resolve);
      this.#wake = () => {
        cancel();
        resolve();
      };
      if (this.#detail !== undefined) this.#wake();
    });
    return this.#detail;
  }
}

async function destroyIfThere(api: LibvirtApi, probe: Domain): Promise<void> {
  try {
    await api.destroy(probe, 0);
  } catch (error) {
    const { NO_DOMAIN, OPERATION_INVALID } = LibvirtErrorCode;
    if (!isLibvirtError(error, NO_DOMAIN, OPERATION_INVALID)) throw error;
  }
}

function probeXml(accelerator: Accelerator): string {
  return formatXml(
    xml(
      'domain',
      { type: accelerator },
      xml('name', {}, `${PROBE_NAME}-${accelerator}`),
      xml('uuid', {}, PROBE_UUIDS[accelerator]),
      xml('memory', { unit: 'MiB' }, '16'),
      xml('vcpu', {}, '1'),
      xml(
        'os',
        {},
        xml('type', { arch: 'x86_64', machine: 'q35' }, 'hvm'),
        xml('boot', { dev: 'hd' }),
        xml('bios', { rebootTimeout: 0 }),
      ),
      xml('cpu', { mode: cpuModeOf(accelerator) }),
      xml('on_reboot', {}, 'destroy'),
      xml(
        'devices',
        {},
        xml('controller', { type: 'usb', model: 'none' }),
        xml('memballoon', { model: 'none' }),
      ),
    ),
  );
}
