/**
 * A file of a contract from its description, made late: what the library's `fileDesc` does at once,
 * and with the types of all files that it imports each time, is done here when something of the
 * file is looked at, by our codec, and in one registry for all.
 */
import type { DescFile, Registry } from '@bufbuild/protobuf';
import type {
  DescriptorProto,
  FileDescriptorProto,
  FileDescriptorProtoSchema,
} from '@bufbuild/protobuf/wkt';
import { fromBinary } from './codec.js';
import { type Kind, lateFile, makeNow, type Place } from './late-descriptors.js';

/** A registry while it is filled. */
export interface Files extends Registry {
  addFile(file: DescFile, skipTypes: boolean, withDeps: boolean): void;
  getFile(name: string): DescFile | undefined;
}

/** The library's steps; none of them is to be called while modules load. */
export interface Library {
  readonly createBaseRegistry: () => Files;
  readonly addFile: (proto: FileDescriptorProto, files: Files) => void;
  readonly restoreJsonNames: (message: DescriptorProto) => void;
  readonly schema: () => typeof FileDescriptorProtoSchema;
}

let files: Files | undefined;

/** The file of a description in base64; `imports` are those it imports, in its order. */
export function lateFileDesc(
  library: Library,
  description: string,
  imports: readonly DescFile[] = [],
): DescFile {
  return lateFile(() => {
    files ??= library.createBaseRegistry();
    const all = files;
    for (const one of imports) {
      makeNow(one);
      if (all.getFile(one.proto.name) === undefined) all.addFile(one, false, true);
    }
    const proto = fromBinary(library.schema(), Buffer.from(description, 'base64'));
    proto.messageType.forEach(library.restoreJsonNames);
    proto.dependency = imports.map((one) => one.proto.name);
    return {
      nameAt: (kind, place) => nameAt(proto, kind, place),
      make: () => library.addFile(proto, all),
      extension: (name) => {
        const found = all.getExtension(name);
        if (found === undefined) throw new Error(`${proto.name} has no extension ${name}`);
        return found;
      },
    };
  }) as DescFile;
}

/** The full name of what stands at a place of a file; entries of maps have no place. */
function nameAt(file: FileDescriptorProto, kind: Kind, place: Place): string {
  const last = place.at(-1) ?? 0;
  if (kind === 'service') return named(file.package, file.service[last]);
  let scope = file.package;
  let within: Pick<DescriptorProto, 'enumType' | 'extension'> = file;
  let messages: readonly DescriptorProto[] = file.messageType;
  for (const index of kind === 'message' ? place : place.slice(0, -1)) {
    const message = messages[index];
    scope = named(scope, message);
    if (message === undefined) break;
    within = message;
    messages = message.nestedType.filter(({ options }) => options?.mapEntry !== true);
  }
  if (kind === 'message') return scope;
  return named(scope, (kind === 'enum' ? within.enumType : within.extension)[last]);
}

function named(scope: string, proto: { readonly name: string } | undefined): string {
  if (proto === undefined) throw new Error(`nothing stands at a place of ${scope}`);
  return scope === '' ? proto.name : `${scope}.${proto.name}`;
}
