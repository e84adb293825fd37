/** The inventory's service: checks its requests and hands them to who keeps the inventory. */
import type { ConnectRouter } from '@connectrpc/connect';
import { InventoryService } from '@limiquantix/proto/operations/v1/inventory_service_pb.js';
import type { InventoryKeeper } from './inventory.js';
import type { Validate } from './validation.js';

/** Registers the service. */
export function registerInventory(
  router: ConnectRouter,
  keeper: Pick<InventoryKeeper, 'check' | 'repair'>,
  validate: Validate,
): void {
  const { checkInventory, repairInventory } = InventoryService.method;
  router.service(InventoryService, {
    checkInventory: async (request) => {
      validate(checkInventory.input, request);
      return keeper.check(request);
    },
    repairInventory: async (request) => {
      validate(repairInventory.input, request);
      return keeper.repair(request);
    },
  });
}
