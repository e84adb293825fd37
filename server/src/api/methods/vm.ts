/** The methods of virtual machines: their power, and what can be added to them and taken off. */
import { create } from '@bufbuild/protobuf';
import { Code } from '@connectrpc/connect';
import {
  DiskSpecSchema,
  NicSpecSchema,
  PowerState,
  type VirtualMachine,
  VirtualMachineSpecSchema,
} from '@limiquantix/proto/compute/v1/vm_pb.js';
import { VirtualMachineService } from '@limiquantix/proto/compute/v1/vm_service_pb.js';
import { isOffWanted, wantedPowerOf } from '../../decide/operation-rules.js';
import { LimiError } from '../../resource/error.js';
import { invalidFields } from '../validation.js';
import { type Beginning, begins } from './begin.js';
import { type CustomMethod, edits } from './custom-method.js';
import { add, found, take } from './entries.js';

const vm = VirtualMachineService.method;
/** A graceful end may take so long beside what was given to it. */
const powerSecondsMax = 15 * 60;

/** What begins as an operation on the machine's power. */
export const vmPowerMethods: readonly CustomMethod[] = [
  begins(vm.startVirtualMachine, (machine: VirtualMachine, { paused }) =>
    powered(machine, paused ? PowerState.PAUSED : PowerState.RUNNING),
  ),
  begins(vm.stopVirtualMachine, (machine: VirtualMachine, { gracefulSeconds }) => ({
    ...powered(machine, PowerState.STOPPED),
    deadlineSeconds: gracefulSeconds + powerSecondsMax,
  })),
  begins(vm.pauseVirtualMachine, (machine: VirtualMachine) => {
    refuseStopped(machine, 'start it with paused set instead');
    return powered(machine, PowerState.PAUSED);
  }),
  begins(vm.resumeVirtualMachine, (machine: VirtualMachine) => {
    refuseStopped(machine, 'start it instead');
    return powered(machine, PowerState.RUNNING);
  }),
  begins(vm.suspendVirtualMachine, (machine: VirtualMachine) => {
    refuseStopped(machine, 'there is nothing to save');
    return powered(machine, PowerState.SUSPENDED);
  }),
  begins(vm.rebootVirtualMachine, (machine: VirtualMachine, { gracefulSeconds }) =>
    onNode(machine, gracefulSeconds),
  ),
  begins(vm.resetVirtualMachine, (machine: VirtualMachine) => onNode(machine, 0)),
];

/** What changes the machine's spec. */
export const vmEditMethods: readonly CustomMethod[] = [
  edits(vm.attachDisk, ({ spec }: VirtualMachine, { device, disk = create(DiskSpecSchema) }) => {
    add(spec?.disks, { path: 'device', key: device }, disk);
  }),
  edits(vm.detachDisk, ({ spec }: VirtualMachine, { device }) => {
    take(spec?.disks, { path: 'device', key: device });
  }),
  edits(vm.resizeDisk, (machine: VirtualMachine, { device, sizeGib }) => {
    const disk = found(machine.spec?.disks, { path: 'device', key: device });
    if (disk.source.case !== 'volume') {
      throw invalidFields([
        { path: 'device', message: `${device} is a volume of its own; resize that one` },
      ]);
    }
    disk.source.value.sizeGib = sizeGib;
  }),
  edits(vm.attachNic, ({ spec }: VirtualMachine, { device, nic = create(NicSpecSchema) }) => {
    add(spec?.nics, { path: 'device', key: device }, nic);
  }),
  edits(vm.detachNic, ({ spec }: VirtualMachine, { device }) => {
    take(spec?.nics, { path: 'device', key: device });
  }),
  edits(vm.changeMedia, ({ spec }: VirtualMachine, { device, imageId }) => {
    const drive = found(spec?.cdroms, { path: 'device', key: device });
    const media =
      imageId === '' ? { case: undefined } : ({ case: 'imageId', value: imageId } as const);
    drive.media = media;
  }),
];

function powered(machine: VirtualMachine, powerState: PowerState): Beginning<VirtualMachine> {
  machine.spec ??= create(VirtualMachineSpecSchema);
  machine.spec.powerState = powerState;
  return { next: machine, nodeId: machine.status?.nodeId };
}

function onNode(machine: VirtualMachine, gracefulSeconds: number): Beginning<VirtualMachine> {
  if (isOffWanted(machine)) throw wrongState(machine, 'is off', 'start it instead');
  const nodeId = machine.status?.nodeId ?? '';
  if (nodeId === '') throw wrongState(machine, 'has no node yet', 'wait until it runs');
  return { nodeId, deadlineSeconds: gracefulSeconds + powerSecondsMax };
}

function refuseStopped(machine: VirtualMachine, instead: string): void {
  if (wantedPowerOf(machine) !== PowerState.STOPPED) return;
  throw wrongState(machine, 'is stopped', instead);
}

const wrongState = ({ name }: VirtualMachine, state: string, instead: string): LimiError =>
  new LimiError({
    code: Code.FailedPrecondition,
    reason: 'WRONG_STATE',
    message: `vm ${JSON.stringify(name)} ${state}; ${instead}`,
  });
