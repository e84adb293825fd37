/**
 * `apply -f`: makes resources as files say, and tells of each whether it was created, configured or
 * unchanged; `--dry-run` tells what that would do.
 */
import { randomUUID } from 'node:crypto';
import type { Verdict } from '@limiquantix/proto/resource/v1/resource_pb.js';
import { contractTypes } from '../resource/type-registry.js';
import type { Cli } from './cli.js';
import { tellLeft } from './create-files.js';
import { readManifests } from './documents.js';
import { changeLines } from './intent-text.js';
import { render } from './output.js';
import { errorAt, fillReferences, prepare } from './prepare.js';
import { openSession, type Session } from './session.js';
import type { ApplyOptions } from './standard-commands.js';
import { tellError } from './tell-error.js';
import { uploadFiles } from './upload-files.js';
import {
  carryOut,
  maskOf,
  planSteps,
  refuseDisruption,
  type Step,
  stepCost,
} from './write-steps.js';

/** Applies files. */
export async function applyFiles(cli: Cli, options: ApplyOptions): Promise<void> {
  const manifests = await readManifests(cli, options.file);
  const session = await openSession(cli, options);
  const steps = await planSteps(session, await prepare(session, manifests));
  refuseDisruption(steps, options.allowDisruption);
  if (options.dryRun === true) {
    await tellWhatWould(session, steps);
    return;
  }
  const ids = new Map<string, string>();
  const applied = [];
  for (const [index, step] of steps.entries()) {
    const { prepared } = step;
    fillReferences(prepared, ids);
    try {
      const { resource, word } = await carryOut(session, step);
      ids.set(prepared.key, resource.id);
      applied.push({ type: prepared.type, resources: [resource] });
      const cost = word === 'configured' ? stepCost(step) : '';
      if (options.output === undefined) {
        cli.stdout.write(`${prepared.title} ${word}${cost === '' ? '' : `: ${cost}`}\n`);
      }
      await uploadFiles(session, prepared.type, { resource: step.wanted, id: resource.id });
    } catch (error) {
      tellLeft(
        cli,
        steps.slice(index + 1).map((left) => left.prepared),
      );
      throw errorAt(prepared, error);
    }
  }
  const format = options.output;
  if (format === undefined) return;
  cli.stdout.write(await render(session, applied, { format, isOne: applied.length === 1 }));
}

async function tellWhatWould(session: Session, steps: readonly Step[]): Promise<void> {
  // Judged together: ten machines don't fit where each alone would.
  const planId = randomUUID();
  const refused: unknown[] = [];
  for (const step of steps) {
    const { prepared, current, wanted, changes, waits } = step;
    const { type, title } = prepared;
    const { stdout } = session.cli;
    if (current !== undefined && changes.length === 0) {
      stdout.write(`${title} unchanged\n`);
      continue;
    }
    const word = current === undefined ? 'created' : 'configured';
    stdout.write(`${title} would be ${word}\n`);
    if (current !== undefined) {
      for (const line of changeLines(type, { before: current, after: wanted, changes })) {
        stdout.write(`  ${line}\n`);
      }
    }
    if (waits) {
      stdout.write('  placed when what it refers to is there\n');
      continue;
    }
    try {
      const paths = current === undefined ? {} : { paths: maskOf(changes) };
      const verdict = await session.client.judge(type, wanted, { ...paths, planId });
      for (const line of await verdictLines(session, verdict)) stdout.write(`  ${line}\n`);
    } catch (error) {
      stdout.write('  refused, see below\n');
      refused.push(errorAt(prepared, error));
    }
  }
  for (const error of refused.slice(0, -1)) session.cli.stderr.write(tellError(error));
  if (refused.length > 0) throw refused.at(-1);
}

async function verdictLines(session: Session, verdict: Verdict | undefined): Promise<string[]> {
  if (verdict === undefined) return [];
  const { nodeId, reasons, shortfalls, warnings, unsupported } = verdict;
  const type = contractTypes.find('node');
  const node =
    nodeId === '' || type === undefined ? undefined : await session.client.get(type, nodeId);
  const at = (path: string): string => (path === '' ? '' : `${path}: `);
  return [
    ...(node === undefined ? [] : [`on node ${node.name}`]),
    ...reasons,
    ...shortfalls.map(({ path, message }) => `not enough: ${at(path)}${message}`),
    ...warnings.map(({ path, message }) => `warning: ${at(path)}${message}`),
    ...unsupported.map(({ path, message }) => `without effect: ${at(path)}${message}`),
  ];
}
