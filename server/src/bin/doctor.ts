/** `doctor`: asks for the inventory, or its repair, and shows what is not as wanted. */
import type { Message } from '@bufbuild/protobuf';
import { Code } from '@connectrpc/connect';
import {
  type CheckInventoryResponse,
  type Finding,
  FindingKind,
  InventoryService,
  Remedy,
  type RepairInventoryResponse,
} from '@limiquantix/proto/operations/v1/inventory_service_pb.js';
import { LimiError } from '../resource/error.js';
import type { Cli } from './cli.js';
import type { DoctorOptions } from './command-doctor.js';
import { exitCodes } from './exit-code.js';
import { isColoured, jsonText } from './output.js';
import { openSession } from './session.js';
import { renderRows } from './table.js';
import { answerToDocument } from './words/to-document.js';

/** A repair waits for guests that shut down, and for what is looked at again. */
const timeoutMs = 180_000;

/** Shows what is found; gives the exit code that says whether anything is. */
export async function doctor(cli: Cli, options: DoctorOptions): Promise<number> {
  if (options.deleteData === true && options.repair !== true) throw onlyWithRepair('--delete-data');
  if (options.foreign === true && options.repair === true) throw notWithRepair();
  const { client } = await openSession(cli, options);
  const { checkInventory, repairInventory } = InventoryService.method;
  const method = options.repair === true ? repairInventory : checkInventory;
  const request =
    options.repair === true
      ? { deleteData: options.deleteData ?? false }
      : { includeForeign: options.foreign ?? false };
  const answer = (await client.call(method, request, timeoutMs)) as Answer;
  cli.stdout.write(await textOf(cli, { method, answer, output: options.output ?? 'table' }));
  const left = answer.findings.filter(({ kind }) => kind !== FindingKind.FOREIGN);
  return left.length === 0 ? exitCodes.ok.code : exitCodes.found.code;
}

type Answer = CheckInventoryResponse & Partial<Pick<RepairInventoryResponse, 'repaired'>>;

interface Shown {
  readonly method: (typeof InventoryService.method)['checkInventory' | 'repairInventory'];
  readonly answer: Answer;
  readonly output: NonNullable<DoctorOptions['output']>;
}

async function textOf(cli: Cli, { method, answer, output }: Shown): Promise<string> {
  if (output === 'json' || output === 'yaml') {
    // An empty list is said: programs go through it.
    const lists = { findings: [], ...(answer.repaired && { repaired: [] }) };
    const document = { ...lists, ...answerToDocument(method.output, answer as Message) };
    if (output === 'json') return jsonText([document], true);
    const { yamlText } = await import('./yaml-text.js');
    return yamlText([document]);
  }
  const parts = [
    tableOf(answer.findings, output === 'wide', isColoured(cli)),
    repairedText(answer),
    summaryOf(answer),
    hintsOf(answer),
  ];
  return parts.filter((part) => part !== '').join('\n');
}

function tableOf(findings: readonly Finding[], isWide: boolean, isColoured: boolean): string {
  if (findings.length === 0) return '';
  const headings = ['FOUND', 'WHERE', 'WHAT', 'OWNER', 'WHY', ...(isWide ? ['ADVICE'] : [])];
  const rows = findings.map((one) => [
    wordOf(one.kind),
    one.place,
    whatOf(one),
    ownerOf(one),
    one.message,
    ...(isWide ? [one.advice] : []),
  ]);
  return renderRows(headings, rows, isColoured);
}

/** `NOT_READY` → `not ready`. */
const wordOf = (kind: FindingKind): string => FindingKind[kind].toLowerCase().replaceAll('_', ' ');

const whatOf = ({ backend, objectKind, objectName }: Finding): string =>
  [backend, objectKind, objectName].filter((part) => part !== '').join(' ') || '-';

function ownerOf({ owner }: Finding): string {
  if (owner === undefined) return '-';
  const { type, id, name, projectId, exists } = owner;
  const who = name === '' ? id : `${name}${exists ? '' : ` (${id})`}`;
  return `${type}/${who}${projectId === '' ? '' : ` in ${projectId}`}${exists ? '' : ', gone'}`;
}

function repairedText({ repaired = [] }: Answer): string {
  return repaired
    .map((one) => `mended: ${wordOf(one.kind)} ${whatOf(one)} of ${ownerOf(one)} on ${one.place}\n`)
    .join('');
}

function summaryOf({ findings, places }: Answer): string {
  const wrong = findings.filter(({ kind }) => kind !== FindingKind.FOREIGN).length;
  const objects = places.reduce((sum, place) => sum + place.objects, 0);
  const nodes = places.filter(({ nodeId, answered }) => answered && nodeId !== '').length;
  const where = `looked at ${count(objects, 'object')} on ${count(nodes, 'node')} and the control plane`;
  return wrong === 0 ? `all is well; ${where}\n` : `${count(wrong, 'finding')}; ${where}\n`;
}

function hintsOf({ findings, repaired }: Answer): string {
  const of = (remedy: Remedy): number => findings.filter((one) => one.remedy === remedy).length;
  const [removed, again, data] = [Remedy.REMOVE, Remedy.RECONCILE, Remedy.REMOVE_DATA].map(of);
  const lines: string[] = [];
  if (repaired === undefined && (removed || again)) {
    const acts = [removed && `removes ${removed}`, again && `looks at ${again} again`];
    lines.push(`limiquantix doctor --repair ${acts.filter(Boolean).join(' and ')}\n`);
  }
  if (data) {
    const files = count(data, 'file');
    lines.push(`limiquantix doctor --repair --delete-data removes ${files} with data for good\n`);
  }
  return lines.join('');
}

const count = (number: number, noun: string): string =>
  `${number.toLocaleString('en')} ${noun}${number === 1 ? '' : 's'}`;

const onlyWithRepair = (flag: string): LimiError =>
  new LimiError({
    code: Code.InvalidArgument,
    reason: 'INVALID_ARGUMENT',
    message: `${flag} is for --repair; give both, or neither`,
  });

const notWithRepair = (): LimiError =>
  new LimiError({
    code: Code.InvalidArgument,
    reason: 'INVALID_ARGUMENT',
    message:
      '--foreign only lists, and --repair never touches what is foreign; give one of the two',
  });
