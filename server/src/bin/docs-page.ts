/** The page of the docs about the command line, made from the program itself. Pure. */
import type { Argument, Command, Option } from 'commander';
import { completionHelp } from './completion-scripts.js';
import { examplesOf } from './examples.js';
import { exitCodes } from './exit-code.js';

/** The page in Markdown. */
export function docsPage(program: Command): string {
  const commands = program.createHelp().visibleCommands(program);
  const named = commands.filter((one) => one.name() !== 'help');
  const groups = [...new Set(named.map((one) => one.helpGroup()))];
  const parts = [
    '# The command line',
    '<!-- Written by `make docs` from the program itself; not for editing. -->',
    introduction,
    ...groups.flatMap((group) => [
      `## ${(group ?? '').replace(/:$/, '') || 'Commands'}`,
      ...named.filter((one) => one.helpGroup() === group).map((one) => commandPart(one, [])),
    ]),
    '## Completion',
    `${fence('sh', completionLines())}`,
    '## Exit codes',
    table(
      ['code', 'meaning'],
      Object.values(exitCodes).map(({ code, meaning }) => [String(code), meaning]),
    ),
  ];
  return `${parts.join('\n\n')}\n`;
}

const introduction = `\`limiquantix\` runs the control plane and the hosts' agents, and shows and
changes every resource of the contract. It speaks the words of Terraform: \`running\`,
\`size_mib\`, \`virtio_scsi\`.

A client finds its control plane by \`--endpoint\`, \`--token\` and \`--ca-certificate\`; by
\`LIMIQUANTIX_ENDPOINT\`, \`LIMIQUANTIX_TOKEN\` and \`LIMIQUANTIX_CA_CERTIFICATE\`; or by a profile,
the file that the server writes at its first start (\`--profile\`, \`LIMIQUANTIX_PROFILE\`,
\`~/.config/limiquantix/profile.json\`). \`--project\`, \`LIMIQUANTIX_PROJECT\` or \`"project"\` in the
profile say which project is meant; without any, all are. Text is coloured on a terminal only, and
not where \`NO_COLOR\` is set.

Files hold documents in YAML or JSON, several in one, each with \`type\`, \`name\` and \`spec\`;
\`limiquantix explain vm.spec\` says what may stand there. What refers to another resource takes its
name or its id, and may come before it:

\`\`\`yaml
type: vm
name: web
labels: { app: web }
spec:
  cpu: { cores: 2 }
  memory: { size_mib: 2048 }
  disks:
    root: { volume: { pool_id: local, size_gib: 20, image_id: debian } }
  nics:
    lan: { port: { network_id: lan } }
---
type: network
name: lan
spec:
  ipv4: { cidr: 10.20.0.0/24 }
\`\`\`

\`--filter\` takes terms joined by \`AND\`. A term is \`path=value\`, such as
\`status.phase=running\`, or an expression in [CEL](https://cel.dev) over the resource's fields,
such as \`spec.cpu.cores > 4 && "app" in labels\`, \`created_at < timestamp("2026-01-01T00:00:00Z")\`
or \`spec.disks.exists(d, spec.disks[d].serial == "a1")\`. Values of enums are words. What can't be
evaluated for a resource, such as by a label that it doesn't have, doesn't pass; a name that no
field has is refused with its column. Secrets can't be asked for, and what an expression may cost is
bounded; \`path=value\` is the faster of the two.`;

function commandPart(command: Command, above: readonly string[]): string {
  const path = [...above, command.name()];
  const help = command.createHelp();
  const children = help.visibleCommands(command).filter((one) => one.name() !== 'help');
  const title = `${'#'.repeat(Math.min(3 + above.length, 5))} limiquantix ${path.join(' ')}`;
  const parts = [title, `${sentence(command.description())}`];
  if (children.length === 0) {
    parts.push(fence('sh', [`limiquantix ${[...path, command.usage()].join(' ')}`]));
    const facts = [
      ...command.registeredArguments.map(argumentRow),
      ...help
        .visibleOptions(command)
        .filter(({ long }) => long !== '--help' && !commonOptions.has(long ?? ''))
        .map(optionRow),
    ];
    if (facts.length > 0) parts.push(table(['argument', 'what it is'], facts));
  }
  const examples = examplesOf(path);
  if (examples.length > 0) {
    parts.push(
      fence(
        'sh',
        examples.flatMap(({ line, text }) => [`# ${text}`, line]),
      ),
    );
  }
  return [...parts, ...children.map((one) => commandPart(one, path))].join('\n\n');
}

/** Options of every client command; the introduction tells of them. */
const commonOptions = new Set([
  '--profile',
  '--endpoint',
  '--token',
  '--ca-certificate',
  '--project',
  '--all-projects',
]);

function argumentRow(argument: Argument): [string, string] {
  const dots = argument.variadic ? '...' : '';
  const name = `${argument.name()}${dots}`;
  return [code(argument.required ? `<${name}>` : `[${name}]`), cell(argument.description)];
}

function optionRow({
  flags,
  description,
  argChoices,
  defaultValue,
  defaultValueDescription,
  mandatory,
}: Option): [string, string] {
  const notes = [
    argChoices === undefined ? '' : `one of ${argChoices.map(code).join(', ')}`,
    defaultValue === undefined || typeof defaultValue === 'boolean'
      ? ''
      : `default ${code(defaultValueDescription ?? String(defaultValue))}`,
    mandatory ? 'required' : '',
  ].filter(Boolean);
  return [code(flags), cell([description, ...notes].filter(Boolean).join('; '))];
}

const code = (text: string): string => `\`${text.replaceAll('|', '\\|')}\``;

const cell = (text: string): string => text.replaceAll('|', '\\|').replaceAll('\n', ' ');

const sentence = (text: string): string => {
  const upper = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?]$/.test(upper) ? upper : `${upper}.`;
};

const fence = (language: string, lines: readonly string[]): string =>
  [`\`\`\`${language}`, ...lines, '```'].join('\n');

function table(headings: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  return [line(headings), line(headings.map(() => '---')), ...rows.map(line)].join('\n');
}

function completionLines(): string[] {
  return completionHelp
    .split('\n')
    .filter((line) => line.startsWith('  '))
    .map((line) => line.trim().replace(/^(\w+) +(.*?) {2,}(.*)$/, '$2   # $1: $3'));
}
