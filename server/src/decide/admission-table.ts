/** Which admission each type has. A type without a row is stored as the user wrote it. */
import { type AdmissionTable, admissionTable, admits } from './admission.js';
import { admitFleet } from './admit-fleet.js';
import { admitProject, admitRole } from './admit-identity.js';
import { admitNetwork } from './admit-network.js';
import { admitPort } from './admit-port.js';
import { admitVm } from './admit-vm.js';
import { admitVmTemplate } from './admit-vm-template.js';
import { admitVolume } from './admit-volume.js';
import { admitPolicy } from './policy.js';

/** The admission of every type that decides something. */
export const admission: AdmissionTable = admissionTable(
  admits('vm', admitVm),
  admits('vm_template', admitVmTemplate),
  admits('vm_fleet', admitFleet),
  admits('volume', admitVolume),
  admits('network', admitNetwork),
  admits('port', admitPort),
  admits('role', admitRole),
  admits('policy', admitPolicy),
  admits('project', admitProject),
);
