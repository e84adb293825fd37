/**
 * Writes `vendor/buf/validate/validate.proto` from the descriptor inside the npm package
 * `@bufbuild/protovalidate`, so that buf needs no network. Only the shape of the messages is
 * written: the rules' own definitions stay in the package, which evaluates them.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import {
  type DescEnum,
  type DescExtension,
  type DescField,
  type DescFile,
  type DescMessage,
  ScalarType,
} from '@bufbuild/protobuf';
import { file_buf_validate_validate } from '@bufbuild/protovalidate/gen/buf/validate/validate_pb.js';

const pad = (depth: number): string => '  '.repeat(depth);

function fieldType(field: DescField | DescExtension): string {
  switch (field.fieldKind) {
    case 'map':
      throw new Error(`map field ${field.name}: teach the printer about maps`);
    case 'message':
      return `.${field.message.typeName}`;
    case 'enum':
      return `.${field.enum.typeName}`;
    case 'scalar':
      return ScalarType[field.scalar].toLowerCase();
    case 'list':
      return field.listKind === 'scalar'
        ? ScalarType[field.scalar].toLowerCase()
        : `.${(field.listKind === 'enum' ? field.enum : field.message).typeName}`;
  }
}

function printField(field: DescField | DescExtension, depth: number): string {
  const label =
    field.oneof !== undefined ? '' : field.fieldKind === 'list' ? 'repeated ' : 'optional ';
  return `${pad(depth)}${label}${fieldType(field)} ${field.name} = ${field.number};\n`;
}

function printEnum(desc: DescEnum, depth: number): string {
  const alias = desc.proto.options?.allowAlias
    ? `${pad(depth + 1)}option allow_alias = true;\n`
    : '';
  const values = desc.values.map((v) => `${pad(depth + 1)}${v.name} = ${v.number};\n`).join('');
  return `${pad(depth)}enum ${desc.name} {\n${alias}${values}${pad(depth)}}\n`;
}

function printMessage(desc: DescMessage, depth: number): string {
  let out = `${pad(depth)}message ${desc.name} {\n`;
  for (const range of desc.proto.extensionRange) {
    const end = (range.end ?? 0) - 1;
    out += `${pad(depth + 1)}extensions ${range.start} to ${end >= 536870911 ? 'max' : end};\n`;
  }
  for (const nested of desc.nestedEnums) out += printEnum(nested, depth + 1);
  for (const nested of desc.nestedMessages) out += printMessage(nested, depth + 1);
  for (const field of desc.fields)
    if (field.oneof === undefined) out += printField(field, depth + 1);
  for (const oneof of desc.oneofs) {
    const fields = oneof.fields.map((f) => printField(f, depth + 2)).join('');
    out += `${pad(depth + 1)}oneof ${oneof.name} {\n${fields}${pad(depth + 1)}}\n`;
  }
  return `${out}${pad(depth)}}\n`;
}

function printFile(file: DescFile): string {
  const imports = file.dependencies.map((d) => `import "${d.proto.name}";\n`).join('');
  const extensions = file.extensions
    .map((e) => `extend .${e.extendee.typeName} {\n${printField(e, 1)}}\n`)
    .join('\n');
  const body = [
    ...file.enums.map((e) => printEnum(e, 0)),
    ...file.messages.map((m) => printMessage(m, 0)),
    extensions,
  ].join('\n');
  return `// Written by scripts/write-validate-proto.ts; not for editing.\nsyntax = "proto2";\n\npackage ${file.proto.package};\n\n${imports}\n${body}`;
}

mkdirSync('vendor/buf/validate', { recursive: true });
writeFileSync('vendor/buf/validate/validate.proto', printFile(file_buf_validate_validate));
