/**
 * The part of the Open_vSwitch schema (vswitch.ovsschema, OVS 2.13 to 3.1) that is read or
 * written on a host: the switch's own row, its bridges, their ports and interfaces.
 */
import {
  type DatabaseSchema,
  fixedText,
  integer,
  optionalChoice,
  optionalInteger,
  optionalText,
  references,
  text,
  textMap,
  texts,
} from './schema.js';

/** A host's local switch database: what ovs-vswitchd and ovn-controller act on. */
export const openVSwitch = {
  name: 'Open_vSwitch',
  tables: {
    Open_vSwitch: {
      columns: {
        bridges: references('Bridge'),
        other_config: textMap,
        external_ids: textMap,
        next_cfg: integer,
        cur_cfg: integer,
        ovs_version: optionalText,
        datapath_types: texts,
        iface_types: texts,
      },
      isRoot: true,
      rowsMax: 1,
      unique: [],
    },
    Bridge: {
      columns: {
        name: fixedText,
        datapath_type: text,
        ports: references('Port'),
        fail_mode: optionalChoice('standalone', 'secure'),
        other_config: textMap,
        external_ids: textMap,
      },
      isRoot: false,
      unique: ['name'],
    },
    Port: {
      columns: {
        name: fixedText,
        interfaces: references('Interface', 1),
        external_ids: textMap,
      },
      isRoot: false,
      unique: ['name'],
    },
    Interface: {
      columns: {
        name: fixedText,
        type: text,
        options: textMap,
        mac: optionalText,
        ofport: optionalInteger,
        mtu_request: optionalInteger,
        error: optionalText,
        external_ids: textMap,
      },
      isRoot: false,
      unique: ['name'],
    },
  },
} as const satisfies DatabaseSchema;

/** The type of {@link openVSwitch}. */
export type OpenVSwitch = typeof openVSwitch;
