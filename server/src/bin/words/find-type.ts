/** Resource types by the words that users type: `vm`, `vms`, `storage-pool`, `vm/web`. Pure. */
import { Code } from '@connectrpc/connect';
import { LimiError } from '../../resource/error.js';
import { contractTypes, type ResourceType } from '../../resource/type-registry.js';
import { didYouMean } from './nearest.js';

/** Resources that were named on the command line. */
export interface Target {
  readonly type: ResourceType;
  /** Names or ids; without any, all of the type. */
  readonly names: readonly string[];
}

/** The type of a word. Throws INVALID_ARGUMENT that says which there are. */
export function findType(word: string): ResourceType {
  const name = word.toLowerCase().replaceAll('-', '_');
  const found = contractTypes.types.find(({ type, plural }) => type === name || plural === name);
  if (found !== undefined) return found;
  const words = contractTypes.types.flatMap(({ type, plural }) => [type, plural]);
  const near = didYouMean(name, words);
  const remedy = near === '' ? `; the types are: ${typeList()}` : near;
  throw invalid('UNKNOWN_TYPE', `there is no type "${word}"${remedy}`);
}

/** All types, as a list for people. */
export function typeList(): string {
  return contractTypes.types.map(({ type }) => type).join(', ');
}

/**
 * What the arguments name: `vm`, `vm web db`, `vms,networks`, `vm/web network/lan`. Throws
 * INVALID_ARGUMENT where they name nothing that can be.
 */
export function parseTargets(words: readonly string[]): Target[] {
  const [first = '', ...rest] = words;
  if (words.some((word) => word.includes('/'))) return words.map(parseOne);
  const types = first.split(',').map(findType);
  if (types.length > 1 && rest.length > 0) {
    throw invalid('INVALID_ARGUMENT', `names can't follow several types; write ${example(types)}`);
  }
  return types.map((type) => ({ type, names: rest }));
}

function parseOne(word: string): Target {
  const at = word.indexOf('/');
  if (at < 1 || at === word.length - 1) {
    throw invalid('INVALID_ARGUMENT', `"${word}" isn't of the form type/name, such as vm/web`);
  }
  return { type: findType(word.slice(0, at)), names: [word.slice(at + 1)] };
}

const example = (types: readonly ResourceType[]): string =>
  types.map(({ type }) => `${type}/NAME`).join(' ');

function invalid(reason: string, message: string): LimiError {
  return new LimiError({ code: Code.InvalidArgument, reason, message });
}
