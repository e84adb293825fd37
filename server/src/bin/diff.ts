/** `diff -f`: what `apply -f` would change, as a difference of texts. */
import type { Cli } from './cli.js';
import { readManifests } from './documents.js';
import { exitCodes } from './exit-code.js';
import { intentDocument } from './intent-text.js';
import { lineDiff } from './line-diff.js';
import { isColoured } from './output.js';
import { prepare } from './prepare.js';
import { openSession } from './session.js';
import type { FileOptions } from './standard-commands.js';
import { planSteps } from './write-steps.js';
import { yamlText } from './yaml-text.js';

/** Prints the differences; gives the exit code that says whether there are any. */
export async function diffFiles(cli: Cli, options: FileOptions): Promise<number> {
  const manifests = await readManifests(cli, options.file);
  const session = await openSession(cli, options);
  const steps = await planSteps(session, await prepare(session, manifests));
  let differs = false;
  for (const { prepared, current, wanted, changes } of steps) {
    if (current !== undefined && changes.length === 0) continue;
    const { type, title } = prepared;
    const text = lineDiff({
      before: current === undefined ? '' : yamlText([intentDocument(type, current)]),
      after: yamlText([intentDocument(type, wanted)]),
      beforeName: current === undefined ? '/dev/null' : title,
      afterName: `${title} (${prepared.manifest.placeOf([])})`,
    });
    differs = true;
    const secrets = `${title}: only secrets differ, which are not shown\n`;
    cli.stdout.write(text === '' ? secrets : coloured(text, isColoured(cli)));
  }
  return differs ? exitCodes.differs.code : exitCodes.ok.code;
}

function coloured(text: string, isWanted: boolean): string {
  if (!isWanted) return text;
  const colours: Readonly<Record<string, number>> = { '-': 31, '+': 32, '@': 36 };
  return text.replace(/^([-+@]).*$/gm, (line, sign: string) => {
    return `\u001b[${colours[sign] ?? 0}m${line}\u001b[0m`;
  });
}
