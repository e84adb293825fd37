/**
 * Which domain type this host can really run: a tiny transient domain is started with KVM first.
 * Capabilities are no proof: with a broken KVM they promise it, and a start aborts or hangs.
 */
import { Code } from '@connectrpc/connect';
import type { Clock } from '../../reconcile/clock.js';
import { LimiError } from '../../resource/error.js';
import type { Domain, LibvirtApi } from '../../wire/libvirt/api.js';
import { CreateFlag, DomainState, LibvirtErrorCode } from '../../wire/libvirt/constants.js';
import { isLibvirtError } from '../../wire/libvirt/errors.js';
import { formatXml, xml } from '../../wire/libvirt/xml.js';
import type { Accelerator } from './plan.js';

/** A start that takes longer than this counts as hanging. */
export const PROBE_DEADLINE_MS = 10_000;
/** A probe that still runs after this long really runs. */
const PROBE_SETTLE_MS = 300;

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

async function startProbe(api: LibvirtApi, clock: Clock, accelerator: Accelerator): Promise<void> {
  const uuid = PROBE_UUIDS[accelerator];
  const probe = { name: `${PROBE_NAME}-${accelerator}`, uuid, id: -1 };
  try {
    await destroyIfThere(api, probe);
    await api.createXml(probeXml(accelerator), CreateFlag.AUTODESTROY, PROBE_DEADLINE_MS);
    await new Promise<void>((resolve) => clock.after(PROBE_SETTLE_MS, resolve));
    const { state } = await api.state(probe);
    if (state !== DomainState.RUNNING) throw new Error(`a probe ended in state ${state}`);
  } finally {
    await destroyIfThere(api, probe);
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
      xml('os', {}, xml('type', { arch: 'x86_64', machine: 'q35' }, 'hvm')),
      xml('devices', {}, xml('controller', { type: 'usb', model: 'none' })),
    ),
  );
}
