/** The charts of `docs/performance.md`: their lines, and what is said of each. */

/** A point of a curve. */
export interface Point {
  readonly at: number;
  readonly value: number;
  readonly floor: number;
  readonly unit: string;
}

/** From left to right. */
export type Curve = readonly Point[];

/** What is drawn and said. */
interface Spec {
  readonly title: string;
  readonly x: string;
  readonly y: string;
  readonly lines: readonly {
    readonly curve: string;
    readonly name: string;
    /** The curve's floor instead of its values. */
    readonly isFloor?: boolean;
  }[];
  /** A sentence with the figures of one run. */
  readonly about: (curve: (name: string) => Curve) => string;
}

const machines = 'virtual machines';
const nodes = 'nodes';

const stateGrows =
  'Terraform writes a state in a file whole after each resource, which grows with the square of their count (ADR 000019).';
const planIsTerraforms =
  "Three quarters of a plan's processor time are Terraform's own (ADR 000019).";
const guestsTakeTheirTime =
  'A simulated guest takes 0.3 s to shut down, and Terraform removes ten resources at a time (`-parallelism`); a fleet shuts down more at once.';

/** By file name, in the page's order. */
export const charts: Readonly<Record<string, Spec>> = {
  memory: {
    title: 'Memory of the server',
    x: machines,
    y: 'memory in use (MiB)',
    lines: [
      { curve: 'memory', name: 'server, objects and buffers' },
      { curve: 'memory', name: 'floor: the records alone', isFloor: true },
    ],
    about(curve) {
      const [first, last] = ends(curve('memory'));
      const each = ((last.value - first.value) * 1024) / (last.at - first.at);
      return `With ${count(last.at)} machines the server uses ${said(last)}; each machine more takes ${round(each)} KiB, and its record alone is ${round((last.floor * 1024) / last.at)} KiB.`;
    },
  },
  start: {
    title: 'Start of a server',
    x: machines,
    y: 'processor time (ms)',
    lines: [
      { curve: 'start_view', name: 'all resources read and indexed' },
      { curve: 'start_view', name: 'floor: all records read from the store', isFloor: true },
    ],
    about: grows('start_view', 'To read and index everything before it serves'),
  },
  list: {
    title: 'List of all machines',
    x: machines,
    y: 'processor time of the server (ms)',
    lines: [
      { curve: 'list_all', name: 'all, in pages of 1,000' },
      { curve: 'list_filtered', name: 'by a label and an expression' },
      { curve: 'list_all', name: 'floor: all records read from the store', isFloor: true },
    ],
    about(curve) {
      const [, filtered] = ends(curve('list_filtered'));
      return `${grows('list_all', 'A list of all over the API')(curve)} Asking for one in fifty of them by a label and an expression in CEL costs ${said(filtered)}.`;
    },
  },
  write: {
    title: 'A write',
    x: machines,
    y: 'processor time of the server (µs)',
    lines: [
      { curve: 'write', name: 'acknowledged write, 8 clients' },
      { curve: 'write', name: 'floor: an empty answer over HTTP/2', isFloor: true },
    ],
    about: stays('write', 'A write, checked, audited and committed to disk,'),
  },
  watch: {
    title: 'A change told to watchers',
    x: machines,
    y: 'from the write to the last watcher (ms)',
    lines: [
      { curve: 'watch', name: '200 watchers' },
      { curve: 'watch', name: 'floor: one watcher', isFloor: true },
    ],
    about: stays('watch', 'Until the last of 200 watchers is told of a write, it'),
  },
  placement: {
    title: 'A placement',
    x: nodes,
    y: 'processor time of a decision (µs)',
    lines: [
      { curve: 'placement', name: 'room for processors and memory' },
      { curve: 'placement_apart', name: 'and apart from others by a label' },
      { curve: 'placement', name: 'floor: the least of an array', isFloor: true },
    ],
    about(curve) {
      const [, plain] = ends(curve('placement'));
      const [, apart] = ends(curve('placement_apart'));
      return `Among ${count(plain.at)} nodes a decision takes ${said(plain)}, ${count(1_000_000 / plain.value)} in a second; with a rule that keeps machines apart ${said(apart)}. Finding the least of an array of as many numbers takes ${saidFloor(plain)}.`;
    },
  },
  apply: {
    title: 'terraform apply',
    x: machines,
    y: 'time (s)',
    lines: terraformLines('apply'),
    about: terraform('apply', 'An apply that makes', stateGrows),
  },
  plan: {
    title: 'terraform plan without a change',
    x: machines,
    y: 'time (s)',
    lines: terraformLines('noop_plan'),
    about: terraform('noop_plan', 'A plan that finds nothing to do for', planIsTerraforms),
  },
  destroy: {
    title: 'terraform destroy',
    x: machines,
    y: 'time (s)',
    lines: terraformLines('destroy'),
    about: terraform('destroy', 'A destroy of', `${stateGrows} ${guestsTakeTheirTime}`),
  },
};

function terraformLines(step: string): Spec['lines'] {
  return [
    { curve: `fleet_${step}`, name: 'limiquantix_vm for each' },
    { curve: `remote_fleet_${step}`, name: 'and the state elsewhere' },
    { curve: `one_fleet_${step}`, name: 'one limiquantix_vm_fleet' },
    { curve: `one_fleet_${step}`, name: 'floor: terraform_data for each', isFloor: true },
  ];
}

function terraform(step: string, what: string, why: string): Spec['about'] {
  return (curve) => {
    const [, fleet] = ends(curve(`one_fleet_${step}`));
    const [, single] = ends(curve(`fleet_${step}`));
    const [, remote] = ends(curve(`remote_fleet_${step}`));
    return `${what} ${count(fleet.at)} machines as one \`limiquantix_vm_fleet\` takes ${said(fleet)}, as many empty \`terraform_data\` ${round(fleet.floor)} s; ${count(single.at)} single \`limiquantix_vm\` take ${said(single)}, with the state in a remote backend ${said(remote)}. ${why}`;
  };
}

/** What is said of a cost in proportion. */
function grows(name: string, what: string): Spec['about'] {
  return (curve) => {
    const [, last] = ends(curve(name));
    return `${what} takes ${said(last)} with ${count(last.at)} machines; reading the records from the store alone takes ${saidFloor(last)}.`;
  };
}

/** What is said of a cost that the size shouldn't change. */
function stays(name: string, what: string): Spec['about'] {
  return (curve) => {
    const [first, last] = ends(curve(name));
    return `${what} takes ${said(first)} with ${count(first.at)} machines and ${said(last)} with ${count(last.at)}; the floor is ${saidFloor(last)}.`;
  };
}

function ends(curve: Curve): readonly [first: Point, last: Point] {
  const [first, last] = [curve[0], curve.at(-1)];
  if (first === undefined || last === undefined) throw new Error('a curve has no points');
  return [first, last];
}

const said = ({ value, unit: given }: Point): string => inUnit(value, given);
const saidFloor = ({ floor, unit: given }: Point): string => inUnit(floor, given);

function inUnit(value: number, given: string): string {
  if (given === 'us') return value < 1_000 ? `${round(value)} µs` : `${round(value / 1_000)} ms`;
  return given === 'ms' && value >= 1_000
    ? `${round(value / 1_000)} s`
    : `${round(value)} ${given}`;
}

const round = (value: number): string => String(Number(value.toPrecision(value < 1 ? 2 : 3)));
const count = (value: number): string => Math.round(value).toLocaleString('en-US');
