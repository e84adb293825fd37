/**
 * Writes what every resource has alike into the committed contract: the header of each message with
 * the `resource` option, and the standard methods with their messages in `<model>_service.proto`.
 * What stands between the markers is this file's; all else in those files is written by hand.
 * With `--check`, it writes nothing and fails where a file isn't as it would be written.
 */
import { existsSync, globSync, readFileSync, writeFileSync } from 'node:fs';
import { headerOf, messagesOf, methodsOf, newServiceFile } from './standard-text.js';

/** A resource type, as the text of its model file tells. */
export interface Model {
  /** The message, such as `VirtualMachine`. */
  readonly message: string;
  /** Its plural, such as `VirtualMachines`. */
  readonly messages: string;
  /** The type's name, which is also that of a field that holds one, such as `vm`. */
  readonly type: string;
  /** Its plural, such as `vms`. */
  readonly plural: string;
  /** For comments: `a virtual machine`, `virtual machine`, `virtual machines`. */
  readonly one: string;
  readonly label: string;
  readonly labels: string;
  readonly isProjects: boolean;
  /** Only LimiQuantix makes and changes them. */
  readonly isReadOnly: boolean;
  readonly package: string;
  /** `limiquantix/compute/v1/vm.proto`. */
  readonly file: string;
}

const isCheck = process.argv.includes('--check');
const stale: string[] = [];
for (const file of globSync('limiquantix/*/v1/*.proto').sort()) {
  if (file.endsWith('_service.proto')) continue;
  const text = readFileSync(file, 'utf8');
  const models = modelsIn(file, text);
  let model = text;
  for (const one of models) model = withHeader(model, one);
  put(file, model);
  for (const one of models) {
    const service = file.replace(/\.proto$/, '_service.proto');
    if (models.length > 1) throw new Error(`${file}: one resource type a file`);
    const now = existsSync(service) ? readFileSync(service, 'utf8') : newServiceFile(one);
    put(service, withStandard(now, one, service));
  }
}
if (stale.length > 0) {
  process.stderr.write(`${stale.join(', ')}: run \`make proto\` and commit what it writes\n`);
  process.exit(1);
}

function put(file: string, text: string): void {
  if (existsSync(file) && readFileSync(file, 'utf8') === text) return;
  if (isCheck) stale.push(file);
  else writeFileSync(file, text);
}

function modelsIn(file: string, text: string): Model[] {
  const option = String.raw`option \(limiquantix\.resource\.v1\.resource\) = \{`;
  const marked = new RegExp(
    String.raw`^message (\w+) \{\n {2}${option}\n([\s\S]*?)\n {2}\};`,
    'gm',
  );
  return [...text.matchAll(marked)].map(([, message = '', options = '']) => {
    const value = (name: string): string =>
      new RegExp(`\\b${name}: "(\\w+)"`).exec(options)?.[1] ?? '';
    const type = value('type');
    const label = (type === 'vm' ? 'virtual machine' : type.replaceAll('_', ' ')).replace(
      /\b(vm|bgp|api|vpn|ip)\b/g,
      (word) => word.toUpperCase(),
    );
    return {
      message,
      messages: pluralOf(message),
      type,
      plural: value('plural'),
      one: /^([aeio]|API)/.test(label) ? `an ${label}` : `a ${label}`,
      label,
      labels: pluralOf(label),
      isProjects: options.includes('SCOPE_PROJECT'),
      isReadOnly: /read_only: true/.test(options),
      package: /^package ([\w.]+);/m.exec(text)?.[1] ?? '',
      file,
    };
  });
}

/** `policy` → `policies`, `address` → `addresses`, `vm` → `vms`. */
function pluralOf(word: string): string {
  if (/[^aeiou]y$/.test(word)) return `${word.slice(0, -1)}ies`;
  return /(s|x|ch)$/.test(word) ? `${word}es` : `${word}s`;
}

function withHeader(text: string, model: Model): string {
  const start = text.indexOf(`message ${model.message} {\n`);
  const option = text.indexOf('\n  };\n', start) + '\n  };\n'.length;
  const open = '  // <header>\n';
  const close = '  // </header>\n';
  const rest = text.slice(option);
  const has = rest.trimStart().startsWith(open.trim());
  const after = has ? rest.slice(rest.indexOf(close) + close.length) : rest;
  return `${text.slice(0, option)}\n${open}\n${headerOf(model)}\n${close}${after}`;
}

function withStandard(text: string, model: Model, file: string): string {
  const methods = between(text, file, ['  // <standard methods>\n', '  // </standard methods>\n']);
  const once = methods(`\n${methodsOf(model)}\n`);
  return between(once, file, ['// <standard messages>\n', '// </standard messages>\n'])(
    `\n${messagesOf(model)}\n`,
  );
}

function between(text: string, file: string, [open, close]: readonly [string, string]) {
  const [from, to] = [text.indexOf(open), text.indexOf(close)];
  if (from < 0 || to < from)
    throw new Error(`${file}: lacks the markers ${open.trim()} … ${close.trim()}`);
  return (inside: string): string => text.slice(0, from + open.length) + inside + text.slice(to);
}
