/**
 * The part of the OVN_Northbound schema (ovn-nb.ovsschema, OVN 20.03 to 23.03) that is read or
 * written here. A column that is not listed is left alone: nothing monitors or writes it.
 */
import {
  type DatabaseSchema,
  integer,
  optionalFlag,
  optionalWeakReference,
  references,
  text,
  textMap,
  texts,
} from './schema.js';

/** OVN's northbound database: what ovn-northd turns into logical flows. */
export const northbound = {
  name: 'OVN_Northbound',
  tables: {
    NB_Global: {
      columns: {
        name: text,
        nb_cfg: integer,
        sb_cfg: integer,
        hv_cfg: integer,
        external_ids: textMap,
        options: textMap,
      },
      isRoot: true,
      rowsMax: 1,
      unique: [],
    },
    Logical_Switch: {
      columns: {
        name: text,
        ports: references('Logical_Switch_Port'),
        other_config: textMap,
        external_ids: textMap,
      },
      isRoot: true,
      unique: [],
    },
    Logical_Switch_Port: {
      columns: {
        name: text,
        type: text,
        options: textMap,
        addresses: texts,
        port_security: texts,
        up: optionalFlag,
        enabled: optionalFlag,
        dhcpv4_options: optionalWeakReference('DHCP_Options'),
        dhcpv6_options: optionalWeakReference('DHCP_Options'),
        external_ids: textMap,
      },
      isRoot: false,
      unique: ['name'],
    },
    DHCP_Options: {
      columns: { cidr: text, options: textMap, external_ids: textMap },
      isRoot: true,
      unique: [],
    },
  },
} as const satisfies DatabaseSchema;

/** The type of {@link northbound}. */
export type Northbound = typeof northbound;
