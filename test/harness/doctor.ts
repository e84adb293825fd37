/** The doctor as a judge of tests: after a fault is over, it must come to find nothing. */
import { createClient, type Transport } from '@connectrpc/connect';
import {
  FindingKind,
  InventoryService,
} from '@limiquantix/proto/operations/v1/inventory_service_pb.js';
import { until } from './wait.js';

/** Waits until nothing is found that is not as wanted; fails with what is found otherwise. */
export async function untilWell(transport: Transport, deadlineMs: number): Promise<void> {
  const doctor = createClient(InventoryService, transport);
  await until('the doctor finds nothing', deadlineMs, async () => {
    const { findings } = await doctor.checkInventory({});
    if (findings.length === 0) return true;
    const told = findings.map(({ kind, place, backend, objectName, owner, message }) =>
      [FindingKind[kind], place, backend, objectName, owner?.type, owner?.name, message].join(' '),
    );
    throw new Error(told.join('\n'));
  });
}
