/**
 * The part of the OVN_Southbound schema (ovn-sb.ovsschema, OVN 20.09 to 23.03) that is read or
 * written here: the hosts that have joined OVN. ovn-controller makes and keeps its own host's rows.
 */
import { type DatabaseSchema, optionalWeakReference, references, text, textMap } from './schema.js';

/** OVN's southbound database: what ovn-northd and the hosts' controllers share. */
export const southbound = {
  name: 'OVN_Southbound',
  tables: {
    Chassis: {
      columns: {
        name: text,
        hostname: text,
        encaps: references('Encap', 1),
        other_config: textMap,
      },
      isRoot: true,
      unique: ['name'],
    },
    Chassis_Private: {
      columns: { name: text, chassis: optionalWeakReference('Chassis') },
      isRoot: true,
      unique: ['name'],
    },
    Encap: {
      columns: { type: text, ip: text, chassis_name: text },
      isRoot: false,
      unique: [],
    },
  },
} as const satisfies DatabaseSchema;

/** The type of {@link southbound}. */
export type Southbound = typeof southbound;
