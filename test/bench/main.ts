/** `make bench`: every figure of the project beside its floor, as JSON lines. */
import { benchFleet } from './fleet.js';
import { benchHandshake } from './handshake.js';
import { benchLab } from './lab.js';
import { benchPlacement } from './placement.js';
import { benchServer } from './server.js';

const which = new Set(process.argv.slice(2));
const wanted = (name: string): boolean => which.size === 0 || which.has(name);
const sizes = (process.env['SIZES'] ?? '100,1000').split(',').map(Number);

if (wanted('handshake')) await benchHandshake();
if (wanted('placement')) await benchPlacement();
if (wanted('server')) await benchServer();
if (wanted('fleet')) await benchFleet(sizes);
if (wanted('lab')) await benchLab();
