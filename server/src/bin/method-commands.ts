/**
 * `limiquantix vm start web`, `limiquantix node drain h1`: a command for each of the contract's own
 * methods, with the fields of its request as options. Only what they take; what they do is loaded
 * when they run.
 */
import { comments } from '@limiquantix/proto/comments.js';
import { Command, Option } from 'commander';
import { contractTypes, type ResourceType } from '../resource/type-registry.js';
import { type Cli, collect, parseDuration, selectorOption, withProjectOptions } from './cli.js';
import type { Flag, MethodWords } from './method-words.js';
import { methodsOf, typesWithMethods } from './method-words.js';
import type { ProjectArguments } from './session.js';
import { listCommand } from './standard-commands.js';

/** The heading of these commands in help. */
export const methodsGroup = 'What resources can do:';

/** The options that every method's command has. */
export interface MethodOptions extends ProjectArguments {
  readonly output?: 'yaml' | 'json';
  readonly selector?: readonly string[];
  readonly wait: boolean;
  readonly [flag: string]: unknown;
}

/** The commands of all types that have methods of their own. */
export function methodCommands(cli: Cli): Command[] {
  return typesWithMethods().map((type) => typeCommand(cli, type));
}

/** The command of the type of that name; undefined where there is none with methods. */
export function methodCommand(cli: Cli, word: string): Command | undefined {
  const name = word.replaceAll('-', '_');
  const type = contractTypes.types.find((one) => one.type === name || one.plural === name);
  if (type === undefined || methodsOf(type).length === 0) return undefined;
  return typeCommand(cli, type);
}

function typeCommand(cli: Cli, type: ResourceType): Command {
  const command = new Command(type.type)
    .alias(type.plural)
    .description(sentenceOf(comments[type.message.typeName] ?? ''))
    .helpGroup(methodsGroup);
  const dashed = [type.type, type.plural].map((name) => name.replaceAll('_', '-'));
  for (const alias of new Set(dashed)) {
    if (alias !== type.type && alias !== type.plural) command.alias(alias);
  }
  command.addCommand(listCommand(cli, type.type));
  for (const words of methodsOf(type)) command.addCommand(methodCommandOf(cli, words));
  return command;
}

function methodCommandOf(cli: Cli, words: MethodWords): Command {
  const { type, method, verb, idField, flags } = words;
  const command = withProjectOptions(new Command(verb)).description(
    comments[`${method.parent.typeName}.${method.name}`] ?? '',
  );
  if (idField !== undefined) {
    command
      .argument('[names...]', `names or ids of ${type.plural}`)
      .addOption(selectorOption('of those with such labels, in place of names'));
  }
  for (const flag of flags) {
    for (const option of optionsFor(flag)) command.addOption(option);
  }
  const hasOperation = method.output.fields.some(({ name }) => name === 'operation');
  if (hasOperation && !words.isRead) {
    command.option('--no-wait', 'only begin it, and print the id of its operation');
  }
  return command
    .addOption(new Option('-o, --output <format>', 'show the answer as').choices(['yaml', 'json']))
    .action(async (...given: unknown[]) => {
      const names = idField === undefined ? [] : (given[0] as string[]);
      const options = given[idField === undefined ? 0 : 1] as MethodOptions;
      const { runMethod } = await import('./run-method.js');
      await runMethod(cli, words, { names, options });
    });
}

function optionsFor(flag: Flag): Option[] {
  const { field, name, value, kind, choices, isRequired, isRepeated, isOptional } = flag;
  const text = describeFlag(flag, comments[`${field.parent.typeName}.${field.name}`] ?? '');
  if (kind === 'switch') {
    const on = new Option(`--${name}`, text);
    return isOptional ? [on, new Option(`--no-${name}`, `the reverse of --${name}`)] : [on];
  }
  const option = new Option(`--${name} <${value}>`, text);
  if (kind === 'duration') option.argParser(parseDuration);
  else if (kind === 'choice') option.choices([...choices]);
  else if (isRepeated) option.argParser(collect);
  if (isRequired) option.makeOptionMandatory();
  return [option];
}

function describeFlag({ kind, isRepeated }: Flag, comment: string): string {
  const text = comment.replaceAll('\n', ' ').replace(/\.$/, '');
  const notes = [
    kind === 'object' ? 'in YAML, or @file' : '',
    isRepeated && kind !== 'object' ? 'may be repeated' : '',
  ].filter(Boolean);
  const said = text.charAt(0).toLowerCase() + text.slice(1);
  return [said, ...notes].join('; ');
}

const sentenceOf = (text: string): string => text.split(/(?<=\.)\s/, 1)[0] ?? '';
