/** The rows of ours in a simulated northbound, by the ids that they carry. */
import { ID_KEY } from '../../server/src/drivers/ovn/identity.js';
import type { FakeOvsdb } from '../../server/src/wire/ovsdb/fake.js';
import type { Northbound } from '../../server/src/wire/ovsdb/northbound.js';

/** A row. */
export interface BackendRow {
  readonly table: string;
  /** The id of the resource that it is for. */
  readonly name: string;
}

const tables = ['Logical_Switch', 'Logical_Switch_Port', 'DHCP_Options'] as const;

/** Every row of the tables that drivers write. */
export function rowsOf(database: FakeOvsdb<Northbound>): readonly BackendRow[] {
  return tables.flatMap((table) => {
    const rows = [...(database.table(table)?.rows.values() ?? [])];
    return rows.map(({ values }) => ({ table, name: idIn(values.get('external_ids')) }));
  });
}

function idIn(datum: unknown): string {
  const id: unknown = datum instanceof Map ? datum.get(ID_KEY) : undefined;
  return typeof id === 'string' ? id : 'without an id';
}
