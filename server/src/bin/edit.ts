/**
 * `edit`: opens a resource as YAML in the user's editor and sends what was changed. What was typed
 * is never lost: where it can't be sent, it is kept in a file, and it is said how to go on.
 */
import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Code, ConnectError } from '@connectrpc/connect';
import { LimiError } from '../resource/error.js';
import type { AnyResource } from '../resource/resource.js';
import type { ResourceType } from '../resource/type-registry.js';
import type { Cli } from './cli.js';
import { parseManifests } from './documents.js';
import { named } from './get.js';
import { intentDocument } from './intent-text.js';
import { errorAt, prepare } from './prepare.js';
import {
  findAll,
  openSession,
  type ProjectArguments,
  type Session,
  selectionOf,
} from './session.js';
import { tellError } from './tell-error.js';
import { parseTargets } from './words/find-type.js';
import { carryOut, planSteps, stepCost } from './write-steps.js';
import { yamlText } from './yaml-text.js';

/** Edits the resources that the words name, one after the other. */
export async function edit(
  cli: Cli,
  words: readonly string[],
  options: ProjectArguments,
): Promise<void> {
  const targets = named(parseTargets(words), 'edit');
  const session = await openSession(cli, options);
  for (const target of targets) {
    const found = await findAll(session, target, selectionOf(session, target.type, {}));
    for (const resource of found) await editOne(session, target.type, resource);
  }
}

const editorDefault = 'vi';
/** After so many attempts, the editor opens no more. */
const attemptsMax = 10;

async function editOne(session: Session, type: ResourceType, resource: AnyResource): Promise<void> {
  const { cli } = session;
  const title = `${type.type}/${resource.name}`;
  const folder = await mkdtemp(join(tmpdir(), 'limiquantix-edit-'));
  const path = join(folder, `${type.type}-${resource.name}.yaml`);
  // The id and the etag go along, so that a rename is one and a change in between is seen.
  const { id, etag } = resource;
  const { type: word, ...intent } = intentDocument(type, resource);
  const original = yamlText([{ type: word ?? type.type, id, etag, ...intent }]);
  let text = original;
  let problem = '';
  for (let attempt = 0; attempt < attemptsMax; attempt += 1) {
    await writeFile(path, `${introduction(title, problem)}${text}`, { mode: 0o600 });
    await openEditor(cli, path);
    const typed = withoutIntroduction(await readFile(path, 'utf8'));
    const isEmpty = typed.trim() === '';
    if (isEmpty || typed === original) {
      cli.stdout.write(`${title} unchanged\n`);
      await rm(folder, { recursive: true });
      return;
    }
    // Who changes nothing about a problem wants to stop.
    if (problem !== '' && typed === text) break;
    text = typed;
    try {
      cli.stdout.write(`${title} ${await send(session, path, text)}\n`);
      await rm(folder, { recursive: true });
      return;
    } catch (error) {
      if (isStale(error)) throw await conflict(path, text, title);
      if (!isFixable(error)) throw await kept(path, text, title, error);
      problem = tellError(error);
    }
  }
  throw await kept(path, text, title, new Error(problem.replace(/^limiquantix: /, '').trim()));
}

async function send(session: Session, path: string, text: string): Promise<string> {
  const [step] = await planSteps(session, await prepare(session, parseManifests(path, text)));
  if (step === undefined) return 'unchanged';
  try {
    const { word } = await carryOut(session, step);
    const cost = word === 'configured' ? stepCost(step) : '';
    return word === 'configured' ? `edited${cost === '' ? '' : `: ${cost}`}` : word;
  } catch (error) {
    throw isStale(error) ? error : errorAt(step.prepared, error);
  }
}

async function openEditor({ env }: Cli, path: string): Promise<void> {
  const editor = env['VISUAL'] || env['EDITOR'] || editorDefault;
  const code = await new Promise<number | null>((resolve, reject) => {
    const child = spawn('sh', ['-c', `${editor} "$1"`, 'sh', path], { stdio: 'inherit' });
    child.on('error', reject);
    child.on('exit', resolve);
  });
  if (code === 0) return;
  throw new LimiError({
    code: Code.FailedPrecondition,
    reason: 'EDITOR_FAILED',
    message: `the editor "${editor}" ended with ${code}; set EDITOR to the one you use. Your text is in ${path}`,
  });
}

const introductionMark = '#> ';

function introduction(title: string, problem: string): string {
  const lines = [
    `${title}: save and leave to send what you changed; leave it as it is to change nothing.`,
    ...(problem === '' ? [] : ['', ...problem.trimEnd().split('\n')]),
  ];
  return lines
    .map((line) => `${introductionMark}${line}`.trimEnd())
    .join('\n')
    .concat('\n');
}

const withoutIntroduction = (text: string): string => text.replaceAll(/^#>.*\n/gm, '');

const isStale = (error: unknown): boolean =>
  error instanceof ConnectError && error.code === Code.Aborted;

const isFixable = (error: unknown): boolean =>
  error instanceof LimiError &&
  (error.code === Code.InvalidArgument ||
    error.code === Code.FailedPrecondition ||
    error.code === Code.AlreadyExists);

async function conflict(path: string, text: string, title: string): Promise<LimiError> {
  const free = text.replace(/^etag:.*\n/m, '');
  await writeFile(path, free, { mode: 0o600 });
  return new LimiError({
    code: Code.Aborted,
    reason: 'ETAG_STALE',
    message: [
      `${title} was changed meanwhile by someone else; nothing was sent. Your text is in ${path}`,
      `  what it would change now:  limiquantix diff -f ${path}`,
      `  to apply it over theirs:   limiquantix apply -f ${path}`,
      `  to begin again:            limiquantix edit ${title}`,
    ].join('\n'),
  });
}

async function kept(path: string, text: string, title: string, error: unknown): Promise<LimiError> {
  await writeFile(path, text, { mode: 0o600 });
  const why = error instanceof ConnectError ? error.rawMessage : (error as Error).message;
  return new LimiError({
    code:
      error instanceof LimiError || error instanceof ConnectError
        ? error.code
        : Code.InvalidArgument,
    reason: 'NOT_SENT',
    message: `${title} was not changed: ${why}\n  your text is in ${path}; to send it: limiquantix apply -f ${path}`,
  });
}
