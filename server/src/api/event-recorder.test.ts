/** Events: made of what happens, one for what is equal, bounded, and gone with their resource. */
import { create } from '@bufbuild/protobuf';
import {
  VirtualMachinePhase as Phase,
  VirtualMachineStatusSchema,
} from '@limiquantix/proto/compute/v1/vm_pb.js';
import { VirtualMachineService } from '@limiquantix/proto/compute/v1/vm_service_pb.js';
import { EventSeverity } from '@limiquantix/proto/operations/v1/event_pb.js';
import { EventService } from '@limiquantix/proto/operations/v1/event_service_pb.js';
import { silentLog } from '../log.js';
import { VirtualClock } from '../reconcile/virtual-clock.js';
import { notReady, ready } from '../resource/ready.js';
import { EventRecorder, eventsOfResourceMax } from './event-recorder.js';
import { startTestInstallation, type TestInstallation } from './test-installation.js';

const clock = new VirtualClock(Date.UTC(2026, 0, 1));
let installation: TestInstallation;
let recorder: EventRecorder;
let id = '';
beforeAll(async () => {
  installation = await startTestInstallation({ clock });
  recorder = new EventRecorder(installation.context, silentLog);
  const spec = { cpu: { cores: 1 }, memory: { sizeMib: 64n } };
  const made = await vms().createVirtualMachine({ vm: { name: 'web', spec } });
  id = made.vm?.id ?? '';
});
afterAll(async () => {
  await recorder.stop();
  await installation.stop();
});

const vms = () => installation.client(VirtualMachineService);
const list = async (limit = 0) => (await vms().listVirtualMachineEvents({ id, limit })).events;

async function become(phase: Phase, reason = '', message = ''): Promise<void> {
  const conditions = reason === '' ? ready() : notReady(reason, message);
  await installation.writer.writeStatus({ type: 'vm', id }, () =>
    create(VirtualMachineStatusSchema, { phase, conditions }),
  );
}

/** Lets the recorder write. */
async function settle(): Promise<void> {
  clock.advance(1_000);
  await new Promise((resolve) => setTimeout(resolve, 100));
}

it('records what a machine becomes, and counts what is equal', async () => {
  await become(Phase.PROVISIONING, 'Provisioning', 'its node has not begun');
  await become(Phase.PROVISIONING, 'Provisioning', 'other words');
  await become(Phase.RUNNING);
  await settle();
  await become(Phase.CRASHED, 'NotRunning', 'the guest does not run');
  await become(Phase.RUNNING);
  await settle();
  const events = await list();
  const told = events.map(({ spec, status }) => [spec?.reason, spec?.message, status?.count]);
  expect(told.sort()).toEqual([
    ['NotRunning', 'the guest does not run', 1],
    ['Provisioning', 'its node has not begun', 1],
    ['Running', 'it is running', 2],
  ]);
  const crash = events.find(({ spec }) => spec?.reason === 'NotRunning');
  expect(crash?.spec).toMatchObject({
    severity: EventSeverity.WARNING,
    resourceType: 'vm',
    resourceId: id,
    resourceName: 'web',
  });
  expect(await list(1)).toHaveLength(1);
});

it('keeps the newest of a resource, and none when it is gone', async () => {
  for (let i = 0; i < eventsOfResourceMax + 5; i += 1) {
    await become(Phase.PROVISIONING, `Reason${i}`, 'x');
  }
  await settle();
  const events = await list(1_000);
  expect(events).toHaveLength(eventsOfResourceMax);
  await vms().deleteVirtualMachine({ id });
  await installation.writer.finalize({ type: 'vm', id });
  await settle();
  const { events: all } = await installation.client(EventService).listEvents({});
  expect(all).toEqual([]);
});
