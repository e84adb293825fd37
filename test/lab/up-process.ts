/** `lab up` as a process of its own, to be killed in the middle of it. */
import { labUp } from '../../server/src/lab/lab.js';

const [dir = '', name = ''] = process.argv.slice(2);
void labUp({ dir, name, nodes: 2, configureChassis: true, report: () => undefined });
