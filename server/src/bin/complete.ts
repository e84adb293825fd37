/**
 * What may stand next on a command line: commands, options and their words, types, names and
 * fields. The shells' scripts ask with what was typed so far.
 */
import type { Argument, Command, Option } from 'commander';
import { LimiError } from '../resource/error.js';
import { isPlainValue } from '../resource/field-access.js';
import { contractTypes, type ResourceType } from '../resource/type-registry.js';
import type { Cli } from './cli.js';
import type { ProjectArguments } from './session.js';
import { findType } from './words/find-type.js';

/** Something that may stand next. */
export interface Candidate {
  readonly value: string;
  /** What it is, in a few words. */
  readonly text: string;
}

/** Asks for the names of a type's resources; none where they can't be had. */
export type NamesOfType = (type: ResourceType, options: ProjectArguments) => Promise<string[]>;

/** What may stand in place of the last word. */
export async function complete(
  program: Command,
  words: readonly string[],
  namesOfType: NamesOfType,
): Promise<Candidate[]> {
  const current = words.at(-1) ?? '';
  const place = placeOf(program, words.slice(0, -1));
  const candidates = await candidatesAt(place, current, namesOfType);
  return candidates.filter(({ value }) => value.startsWith(current));
}

/** Names are waited for this long; a shell that hangs is worse than one that knows nothing. */
const namesTimeoutMs = 3_000;

/** Asks the control plane that the options and the profile name. */
export function namesFrom(cli: Cli): NamesOfType {
  return async (type, options) => {
    try {
      const { openSession, selectionOf } = await import('./session.js');
      const signal = AbortSignal.timeout(namesTimeoutMs);
      const asked = (async () => {
        const session = await openSession(cli, options);
        const found = await session.client.list(type, selectionOf(session, type, {}));
        return found.map(({ name }) => name);
      })();
      const late = new Promise<string[]>((resolve) => {
        signal.addEventListener('abort', () => resolve([]), { once: true });
      });
      return await Promise.race([asked, late]);
    } catch {
      // Whoever completes a word wants no error in the middle of the line.
      return [];
    }
  };
}

interface Place {
  readonly command: Command;
  /** The words before that are no options. */
  readonly positionals: readonly string[];
  /** The option whose value stands here. */
  readonly option: Option | undefined;
  readonly options: ProjectArguments;
}

function placeOf(program: Command, before: readonly string[]): Place {
  let command = program;
  let option: Option | undefined;
  const positionals: string[] = [];
  const options: Record<string, string | boolean> = {};
  for (const word of before) {
    if (option !== undefined) {
      options[option.attributeName()] = word;
      option = undefined;
      continue;
    }
    if (word.startsWith('-')) {
      const [flag, value] = word.split('=', 2);
      const found = command.options.find(({ short, long }) => short === flag || long === flag);
      if (found === undefined) continue;
      if (value !== undefined) options[found.attributeName()] = value;
      else if (found.required) option = found;
      else options[found.attributeName()] = true;
      continue;
    }
    const next = positionals.length === 0 ? findCommand(command, word) : undefined;
    if (next === undefined) positionals.push(word);
    else command = next;
  }
  return { command, positionals, option, options };
}

const findCommand = (command: Command, word: string): Command | undefined =>
  command.commands.find((one) => one.name() === word || one.aliases().includes(word));

async function candidatesAt(
  place: Place,
  current: string,
  namesOfType: NamesOfType,
): Promise<Candidate[]> {
  const { command, positionals, option, options } = place;
  const names = async (type: ResourceType, prefix = ''): Promise<Candidate[]> =>
    (await namesOfType(type, options)).map((name) => ({
      value: `${prefix}${name}`,
      text: type.label,
    }));
  if (option !== undefined) {
    const type = typeOfOption(option);
    if (type !== undefined) return names(type);
    return (option.argChoices ?? []).map((value) => ({ value, text: '' }));
  }
  if (current.startsWith('-')) return optionsOf(command);
  const visible = command.commands.filter((one) => !isHidden(one));
  if (visible.length > 0) {
    return visible.map((one) => ({ value: one.name(), text: firstSentence(one.description()) }));
  }
  const argument = argumentAt(command, positionals.length);
  if (argument === undefined) return [];
  const at = current.indexOf('/');
  switch (argument.name()) {
    case 'type':
      if (at < 0) return types();
      return names(typeOf(current.slice(0, at)) ?? unknownType, current.slice(0, at + 1));
    case 'field':
      return fields(current);
    case 'names': {
      const own = typeOf(command.parent?.name() ?? '') ?? typeOf(positionals[0] ?? '');
      if (own !== undefined) return names(own);
      if (positionals[0]?.includes('/') === false) return [];
      return at < 0
        ? types()
        : names(typeOf(current.slice(0, at)) ?? unknownType, current.slice(0, at + 1));
    }
    default:
      return (argument.argChoices ?? []).map((value) => ({ value, text: '' }));
  }
}

/** Of a type that there isn't, there is nothing. */
const unknownType = { type: '', label: '', scope: 'installation' } as ResourceType;

function argumentAt(command: Command, index: number): Argument | undefined {
  const all = command.registeredArguments;
  const last = all.at(-1);
  return all[index] ?? (last?.variadic === true ? last : undefined);
}

/** The type whose names an option takes: `--project`, or in a method's command `--target-node`. */
function typeOfOption(option: Option): ResourceType | undefined {
  const isName = /<(name)>/.test(option.flags);
  if (!isName) return undefined;
  const words = (option.long ?? '').replace(/^--/, '').split('-');
  for (let from = 0; from < words.length; from += 1) {
    const noun = words.slice(from).join('_');
    const exact = contractTypes.find(noun);
    const [only, other] = contractTypes.types.filter(({ type }) => type.endsWith(`_${noun}`));
    if (exact !== undefined) return exact;
    if (only !== undefined && other === undefined) return only;
  }
  return undefined;
}

function optionsOf(command: Command): Candidate[] {
  const options = command.createHelp().visibleOptions(command);
  return options.map((one) => ({
    value: one.long ?? one.short ?? '',
    text: firstSentence(one.description),
  }));
}

const isHidden = (command: Command): boolean =>
  (command as unknown as { _hidden?: boolean })._hidden === true;

function types(): Candidate[] {
  return contractTypes.types.map(({ type, label }) => ({ value: type, text: label }));
}

function typeOf(word: string): ResourceType | undefined {
  try {
    return findType(word);
  } catch (error) {
    if (error instanceof LimiError) return undefined;
    throw error;
  }
}

/** Paths of fields, one level at a time: `vm.spec.cpu.` leads on. */
function fields(current: string): Candidate[] {
  const at = current.lastIndexOf('.');
  if (at < 0) return types();
  const [word = '', ...names] = current.slice(0, at).split('.');
  let desc = typeOf(word)?.message;
  for (const name of names) {
    const field = desc?.fields.find((one) => one.name === name);
    desc = field?.message !== undefined && !isPlainValue(field.message) ? field.message : undefined;
  }
  const prefix = current.slice(0, at + 1);
  return (desc?.fields ?? []).map(({ name }) => ({ value: `${prefix}${name}`, text: '' }));
}

const firstSentence = (text: string): string => text.split(/\.(?: |$)|\n/, 1)[0] ?? '';
