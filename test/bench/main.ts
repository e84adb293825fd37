/** `make bench`: every figure of the project beside its floor, as JSON lines. */
import { benchFleet } from './fleet.js';
import { benchHandshake } from './handshake.js';
import { benchLab } from './lab.js';

const which = new Set(process.argv.slice(2));
const wanted = (name: string): boolean => which.size === 0 || which.has(name);

if (wanted('handshake')) await benchHandshake();
if (wanted('fleet')) await benchFleet([100, 1_000]);
if (wanted('lab')) await benchLab();
