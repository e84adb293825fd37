/**
 * Descriptors that are made when they are first looked at. Generated code asks for each of a file's
 * descriptors when it is loaded; what it gets here are the descriptors, still empty, and the first
 * look at any of them has the whole file made. For bundles only (`scripts/fast-descriptors.ts`). It
 * imports nothing, for it is used while modules load.
 */

/** Where a message, enum, service or extension stands in its file, as generated code says it. */
export type Place = readonly number[];

/** Something that generated code asks a file for. */
export type Kind = 'message' | 'enum' | 'service' | 'extension';

/** How a file is made. */
export interface Making {
  /** The full name of what stands at a place, once the file's description has been read. */
  readonly nameAt: (kind: Kind, place: Place) => string;
  /** Makes the file's descriptors, with `adopt` for each. */
  readonly make: () => void;
  /** The finished extension of a name; the library makes these in steps of its own. */
  readonly extension: (name: string) => object;
}

type Begin = () => Making;
type Asked = { readonly kind: Kind; readonly place: Place; readonly desc: object };
type File = { begin: Begin | undefined; readonly desc: object; readonly asked: Asked[] };

const properties: Readonly<Record<Kind | 'file', readonly string[]>> = {
  file: words('proto deprecated edition name dependencies enums messages extensions services'),
  message: words(
    'proto deprecated file parent name typeName fields field oneofs members nestedEnums nestedMessages nestedExtensions',
  ),
  enum: words('proto deprecated file parent open name typeName value values sharedPrefix'),
  service: words('proto deprecated file name typeName methods method'),
  extension: words(
    'proto deprecated name number scalar message enum presence utf8Validation listKind mapKind mapKey delimitedEncoding packed longAsString getDefaultValue file parent oneof typeName jsonName extendee fieldKind',
  ),
};
const prototypes = new Map(Object.keys(properties).map((kind) => [kind, prototypeOf(kind)]));
/** By the descriptor that was given out. */
const files = new WeakMap<object, File>();
/** The descriptors that were given out of the file that is being made, by name. */
let adopting: ReadonlyMap<string, object> = new Map();

/** A file that `begin` begins to make when it is first looked at. */
export function lateFile(begin: Begin): object {
  const file: File = { begin, desc: emptyOf('file'), asked: [] };
  files.set(file.desc, file);
  return file.desc;
}

/** What stands at a place of a late file; undefined where the file was made at once. */
export function lateDescriptor(fileDesc: object, kind: Kind, place: Place): object | undefined {
  const file = files.get(fileDesc);
  if (file === undefined) return undefined;
  const known = file.asked.find((one) => one.kind === kind && `${one.place}` === `${place}`);
  if (known !== undefined) return known.desc;
  const desc = emptyOf(kind);
  file.asked.push({ kind, place, desc });
  files.set(desc, file);
  return desc;
}

/** The descriptor that was given out for what the library now made; itself where none was. */
export function adopt<Desc extends { readonly typeName?: string }>(made: Desc): Desc {
  const desc = adopting.get(made.typeName ?? '');
  return desc === undefined ? made : (fill(desc, made) as Desc);
}

/** Makes a file, if it is a late one that wasn't made yet. */
export function makeNow(desc: object): void {
  const file = files.get(desc);
  if (file?.begin === undefined) return;
  const { nameAt, make, extension } = file.begin();
  file.begin = undefined;
  const named = file.asked.map(({ kind, place, desc }) => ({
    kind,
    desc,
    name: nameAt(kind, place),
  }));
  adopting = new Map([
    ['', file.desc] as const,
    ...named.map(({ name, desc }) => [name, desc] as const),
  ]);
  make();
  adopting = new Map();
  for (const { kind, name, desc } of named) if (kind === 'extension') fill(desc, extension(name));
}

function words(text: string): readonly string[] {
  return text.split(' ');
}

function emptyOf(kind: Kind | 'file'): object {
  return Object.create(prototypes.get(kind) ?? null) as object;
}

/** Own properties, once there are any, stand before those that have the file made. */
function fill(desc: object, made: object): object {
  return Object.defineProperties(desc, Object.getOwnPropertyDescriptors(made));
}

function prototypeOf(kind: string): object {
  const prototype = { kind };
  for (const name of [...properties[kind as Kind], 'toString']) {
    Object.defineProperty(prototype, name, {
      get(this: object): unknown {
        makeNow(this);
        return Object.hasOwn(this, name) ? Reflect.get(this, name) : undefined;
      },
    });
  }
  return prototype;
}
