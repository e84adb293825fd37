/** Runs one of the contract's own methods and shows what came of it. */
import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { create, type Message } from '@bufbuild/protobuf';
import { Code } from '@connectrpc/connect';
import type { Operation } from '@limiquantix/proto/operations/v1/operation_pb.js';
import { OperationService } from '@limiquantix/proto/operations/v1/operation_service_pb.js';
import { parse } from 'yaml';
import { createValidate } from '../api/validation.js';
import { LimiError } from '../resource/error.js';
import { writeField } from '../resource/field-access.js';
import type { AnyResource } from '../resource/resource.js';
import { contractTypes, type ResourceType } from '../resource/type-registry.js';
import type { Cli } from './cli.js';
import { pathText } from './documents.js';
import { followOperation } from './follow-operation.js';
import type { MethodOptions } from './method-commands.js';
import type { Flag, MethodWords } from './method-words.js';
import { jsonText, render } from './output.js';
import { referenceSlots } from './reference-slots.js';
import { isId } from './resource-client.js';
import { findAll, openSession, type Session, selectionOf } from './session.js';
import { fromPlain } from './words/from-document.js';
import { answerToDocument } from './words/to-document.js';
import { yamlText } from './yaml-text.js';

/** What was given on the command line. */
export interface MethodCall {
  readonly names: readonly string[];
  readonly options: MethodOptions;
}

/** Calls the method for each named resource, one after the other. */
export async function runMethod(cli: Cli, words: MethodWords, call: MethodCall): Promise<void> {
  const { method, idField } = words;
  const session = await openSession(cli, call.options);
  const targets = idField === undefined ? [] : await targetsOf(session, words, call);
  const validate = createValidate();
  const requests = await Promise.all(
    (idField === undefined ? [undefined] : targets).map(async (target) => {
      const request = await requestFor(session, words, call.options);
      if (idField !== undefined && target !== undefined) writeField(request, idField, target.id);
      validate(method.input, request);
      return { request, target };
    }),
  );
  // All are judged before the first is sent.
  for (const { request, target } of requests) {
    await callOne(session, words, { request, target, options: call.options });
  }
}

async function targetsOf(
  session: Session,
  { type, verb }: MethodWords,
  { names, options }: MethodCall,
): Promise<AnyResource[]> {
  const { selector = [] } = options;
  const selection = selectionOf(session, type, { selector });
  if (names.length > 0) return findAll(session, { type, names }, selection);
  if (selector.length > 0) {
    const found = await session.client.list(type, selection);
    if (found.length === 0) {
      session.cli.stderr.write(`there are no ${type.plural.replaceAll('_', ' ')} that match\n`);
    }
    return found;
  }
  throw new LimiError({
    code: Code.InvalidArgument,
    reason: 'INVALID_ARGUMENT',
    message: `which ${type.type}? write: limiquantix ${type.type} ${verb} NAME, or -l label=value`,
  });
}

interface OneCall {
  readonly request: Message;
  readonly target: AnyResource | undefined;
  readonly options: MethodOptions;
}

async function callOne(session: Session, words: MethodWords, one: OneCall): Promise<void> {
  const { client, cli } = session;
  const { type, method, verb, isRead } = words;
  const title = one.target === undefined ? type.type : `${type.type}/${one.target.name}`;
  if (method.methodKind !== 'unary') {
    for await (const answer of client.stream(method, one.request, cli.signal)) {
      cli.stdout.write(answerText(words, answer, one.options.output));
    }
    return;
  }
  if (method.name === OperationService.method.waitOperation.name) {
    const operation = one.target as unknown as Operation;
    const seconds = one.options['timeout'];
    const timeoutMs = typeof seconds === 'number' ? seconds * 1000 : undefined;
    await followOperation(session, { operation, title: titleOf(operation), timeoutMs });
    return;
  }
  const answer = await client.call(method, one.request);
  const { operation } = answer as unknown as { operation?: Operation };
  const isWork =
    operation !== undefined &&
    !isRead &&
    type.message !== method.output.field['operation']?.message;
  if (isWork && one.options.wait && one.options.output === undefined) {
    await followOperation(session, { operation, title: `${title} ${verb}`, timeoutMs: undefined });
  } else if (one.options.output !== undefined || isRead) {
    await showAnswer(session, words, { answer, output: one.options.output });
  } else if (isWork) cli.stdout.write(`operation/${operation.id}\n`);
  else if (method.output.fields.some(({ message }) => message === type.message)) {
    cli.stdout.write(`${title} ${verb} done\n`);
  } else await showAnswer(session, words, { answer, output: undefined });
}

/** What an operation does, and to what: `vm/web RebootVirtualMachine`. */
const titleOf = ({ spec }: Operation): string =>
  spec === undefined ? 'operation' : `${spec.targetType}/${spec.targetName} ${spec.method}`;

async function showAnswer(
  session: Session,
  words: MethodWords,
  { answer, output }: { readonly answer: Message; readonly output: 'yaml' | 'json' | undefined },
): Promise<void> {
  const { stdout } = session.cli;
  const listed = output === undefined ? listedIn(words, answer) : undefined;
  if (listed === undefined) {
    stdout.write(answerText(words, answer, output));
    return;
  }
  stdout.write(await render(session, [listed], { format: 'table', isOne: false }));
  if (listed.resources.length === 0) {
    session.cli.stderr.write(`there are no ${listed.type.plural.replaceAll('_', ' ')}\n`);
  }
}

/** The resources that an answer lists and nothing else, for a table. */
function listedIn({ method }: MethodWords, answer: Message) {
  const [field, second] = method.output.fields;
  if (field?.fieldKind !== 'list' || second !== undefined) return undefined;
  const type = contractTypes.findByMessage(field.message?.typeName ?? '');
  if (type === undefined) return undefined;
  const bag = answer as unknown as Record<string, readonly AnyResource[]>;
  return { type, resources: bag[field.localName] ?? [] };
}

function answerText(
  { method }: MethodWords,
  answer: Message,
  output: 'yaml' | 'json' | undefined,
): string {
  const document = answerToDocument(method.output, answer);
  if (output === 'json') return jsonText([document], true);
  const text = yamlText([document]);
  return method.methodKind === 'unary' ? text : `---\n${text}`;
}

async function requestFor(
  session: Session,
  { method, flags, requestIdField, projectIdField }: MethodWords,
  options: MethodOptions,
): Promise<Message> {
  const request = create(method.input);
  if (requestIdField !== undefined) writeField(request, requestIdField, randomUUID());
  if (projectIdField !== undefined) writeField(request, projectIdField, session.projectId);
  for (const flag of flags) {
    const given = options[camelCase(flag.name)];
    if (given === undefined) continue;
    writeField(request, flag.field, await valueFor(session, flag, given));
  }
  return request;
}

const camelCase = (name: string): string =>
  name.replaceAll(/-(.)/g, (_, letter: string) => letter.toUpperCase());

async function valueFor(session: Session, flag: Flag, given: unknown): Promise<unknown> {
  const { field, kind, reference, isRepeated } = flag;
  if (kind === 'reference' && reference !== undefined) {
    const words = isRepeated ? (given as string[]) : [String(given)];
    const ids = await Promise.all(words.map((word) => idOf(session, reference, word)));
    return isRepeated ? ids : ids[0];
  }
  const { value, issues } = fromPlain(field, await plainFor(flag, given, session.cli));
  if (issues.length > 0) {
    const lines = issues.map(({ path, message }) => `${pathText(undefined, path)} ${message}`);
    throw new LimiError({
      code: Code.InvalidArgument,
      reason: 'INVALID_ARGUMENT',
      message: `--${flag.name}: ${lines.join('; ')}`,
    });
  }
  if (kind === 'object' && field.message !== undefined && field.fieldKind === 'message') {
    const slots = referenceSlots(field.message, value as Message, field.name);
    for (const { target, name, set } of slots.filter((slot) => !isId(slot.name))) {
      set(await idOf(session, contractTypes.get(target), name));
    }
  }
  return value;
}

/** What YAML would say for what was typed. */
async function plainFor({ kind, field }: Flag, given: unknown, cli: Cli): Promise<unknown> {
  switch (kind) {
    case 'switch':
      return given;
    case 'duration':
      return given;
    case 'number':
      return typeof given === 'string' && /^-?\d*\.\d+$/.test(given) ? Number(given) : given;
    case 'entry':
      return Object.fromEntries((given as string[]).map(entryOf));
    case 'object':
      return parse(await contentOf(String(Array.isArray(given) ? given[0] : given), cli), {
        intAsBigInt: true,
      });
    default: {
      if (Array.isArray(given)) return given;
      const text = await contentOf(String(given), cli);
      return field.scalar === bytesType ? Buffer.from(text).toString('base64') : text;
    }
  }
}

const bytesType = 12;

/** A value, or what is in the file of `@file`, or standard input for `-`. */
async function contentOf(given: string, cli: Cli): Promise<string> {
  if (given === '-') return cli.readStdin();
  return given.startsWith('@') ? readFile(given.slice(1), 'utf8') : given;
}

function entryOf(text: string): [string, string] {
  const at = text.indexOf('=');
  if (at > 0) return [text.slice(0, at), text.slice(at + 1)];
  throw new LimiError({
    code: Code.InvalidArgument,
    reason: 'INVALID_ARGUMENT',
    message: `"${text}" isn't of the form key=value`,
  });
}

async function idOf(session: Session, type: ResourceType, word: string): Promise<string> {
  if (isId(word)) return word;
  return (await session.client.find(type, word, selectionOf(session, type, {}))).id;
}
