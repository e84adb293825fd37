/**
 * Prints all that the contract's descriptors say, and which of them are the same objects: bundled
 * and from the sources it must print the same. `--services` looks at the files' services first.
 */
import type { DescEnum, DescExtension, DescField, DescFile, DescMessage } from '@bufbuild/protobuf';
import { VirtualMachineSchema } from '../gen/limiquantix/compute/v1/vm_pb.js';
import { VirtualMachineService } from '../gen/limiquantix/compute/v1/vm_service_pb.js';
import { field, ScopeSchema } from '../gen/limiquantix/resource/v1/options_pb.js';
import { contractFiles } from '../gen/registry.js';

const numbers = new Map<object, number>();

/** The same number for the same object. */
function numberOf(desc: object | undefined): number {
  if (desc === undefined) return 0;
  const number = numbers.get(desc) ?? numbers.size + 1;
  numbers.set(desc, number);
  return number;
}

const plain = (desc: object): object =>
  Object.fromEntries(
    Object.entries(desc)
      .flatMap(([name, value]) => {
        if (name === 'proto' || typeof value === 'function') return [];
        if (Array.isArray(value)) return [[name, value.map((one) => numberOf(one as object))]];
        if (typeof value !== 'object' || value === null) return [[name, value ?? 'none']];
        return name === 'value' || name === 'field' || name === 'method'
          ? [[name, Object.keys(value)]]
          : [[name, numberOf(value)]];
      })
      .sort(([one = ''], [other = '']) => (String(one) < String(other) ? -1 : 1)),
  );

const text = (desc: object): string => `${numberOf(desc)} ${desc} ${JSON.stringify(plain(desc))}`;
const ofEnum = (desc: DescEnum): string[] => [text(desc), ...desc.values.map(text)];
const ofField = (desc: DescField | DescExtension): string =>
  `${text(desc)} ${'getDefaultValue' in desc ? String(desc.getDefaultValue?.()) : ''}`;
const ofMessage = (desc: DescMessage): string[] => [
  text(desc),
  ...desc.fields.map(ofField),
  ...desc.oneofs.map(text),
  ...desc.nestedExtensions.map(ofField),
  ...desc.nestedEnums.flatMap(ofEnum),
  ...desc.nestedMessages.flatMap(ofMessage),
];
const ofFile = (desc: DescFile): string[] => [
  text(desc),
  ...desc.messages.flatMap(ofMessage),
  ...desc.enums.flatMap(ofEnum),
  ...desc.extensions.map(ofField),
  ...desc.services.flatMap((service) => [text(service), ...service.methods.map(text)]),
];

const first = process.argv.includes('--services')
  ? contractFiles.flatMap(({ services }) => services)
  : [];
const asked = [VirtualMachineSchema, VirtualMachineService, ScopeSchema, field].map(ofAny);
process.stdout.write(
  [first.length > 0, ...asked, ...contractFiles.flatMap(ofFile)].slice(1).join('\n'),
);

/** Those that generated code exports, by what stands in their files. */
function ofAny(desc: { readonly typeName: string; readonly file: DescFile }): string {
  const { messages, services, enums, extensions } = desc.file;
  const all = [...messages, ...services, ...enums, ...extensions];
  const isIn = all.some((one) => one === desc);
  const twin = all.find(({ typeName }) => typeName === desc.typeName);
  return `${desc.typeName} ${isIn || (twin?.kind === 'extension' && `${twin}` === `${desc}`)}`;
}
