/**
 * What a template gives to a machine: its blueprint with the parameters' values in its texts. Pure.
 * Text in braces that names no parameter is the guest's and stays as it is.
 */

import { create } from '@bufbuild/protobuf';
import {
  type VirtualMachineSpec,
  VirtualMachineSpecSchema,
} from '@limiquantix/proto/compute/v1/vm_pb.js';
import {
  type TemplateParameter,
  TemplateParameterSchema,
  type VmTemplate,
  type VmTemplateSpec,
} from '@limiquantix/proto/compute/v1/vm_template_pb.js';
import { type FieldViolation, LimiError } from '../resource/error.js';
import { entryPath } from '../resource/field-access.js';
import { invalidFields } from '../resource/invalid-fields.js';
import { replaceTexts } from '../resource/texts.js';
import type { Validate } from './admission.js';

/** Values for a template's parameters. */
export interface TemplateUse {
  readonly template: VmTemplate;
  readonly parameters: { readonly [name: string]: string };
  /** The path of the values in what the user wrote, such as `spec.source.parameters`. */
  readonly path: string;
  readonly validate: Validate;
}

const placeholder = /\{\{param\.([a-z][a-z0-9_-]{0,30})\}\}/g;
const namesShownMax = 8;

/** The blueprint with its parameters filled in. Throws INVALID_ARGUMENT for bad values. */
export function fillTemplate(use: TemplateUse): VirtualMachineSpec {
  const { template } = use;
  const values = valuesOf(use);
  return fillParameters(template.spec?.vm ?? create(VirtualMachineSpecSchema), values);
}

/** A spec with values in place of the parameters that its texts name. */
export function fillParameters(
  spec: VirtualMachineSpec,
  values: ReadonlyMap<string, string>,
): VirtualMachineSpec {
  return replaceTexts(VirtualMachineSpecSchema, spec, {
    path: 'spec.vm',
    replace: (text) => text.replaceAll(placeholder, (whole, name) => values.get(name) ?? whole),
  });
}

/** Where a blueprint names a parameter that its template doesn't have. */
export function undeclaredParameters({ vm, parameters }: VmTemplateSpec): FieldViolation[] {
  const found: FieldViolation[] = [];
  if (vm === undefined) return found;
  replaceTexts(VirtualMachineSpecSchema, vm, {
    path: 'spec.vm',
    replace(text, path) {
      for (const [whole, name = ''] of text.matchAll(placeholder)) {
        if (Object.hasOwn(parameters, name)) continue;
        const message = `names ${whole}, and there is no such parameter; ${knownOf(parameters)}`;
        found.push({ path, message });
      }
      return text;
    },
  });
  return found;
}

function valuesOf({ template, parameters, path, validate }: TemplateUse): Map<string, string> {
  const declared = template.spec?.parameters ?? {};
  const values = new Map<string, string>();
  const violations: FieldViolation[] = [];
  for (const [name, value] of Object.entries(parameters)) {
    const parameter = Object.hasOwn(declared, name) ? declared[name] : undefined;
    const message =
      parameter === undefined
        ? `is no parameter of template ${template.name}; ${knownOf(declared)}`
        : mismatch(parameter, value, validate);
    if (message === undefined) values.set(name, value);
    else violations.push({ path: entryPath(path, name), message });
  }
  for (const [name, { defaultValue, about }] of Object.entries(declared)) {
    if (Object.hasOwn(parameters, name)) continue;
    if (defaultValue !== undefined) values.set(name, defaultValue);
    else {
      const what = about === undefined ? '' : ` (${about})`;
      const message = `needs a value for ${name}${what}: template ${template.name} has no default for it`;
      violations.push({ path, message });
    }
  }
  if (violations.length > 0) throw invalidFields(violations, 'INVALID_PARAMETER');
  return values;
}

/** Why a value doesn't fit: it obeys the same rule as the parameter's default. */
function mismatch(
  { allowedPattern = '' }: TemplateParameter,
  value: string,
  validate: Validate,
): string | undefined {
  if (allowedPattern === '') return undefined;
  try {
    const fields = { defaultValue: value, allowedPattern };
    validate(TemplateParameterSchema, create(TemplateParameterSchema, fields));
    return undefined;
  } catch (error) {
    if (!(error instanceof LimiError)) throw error;
    return `must match ${allowedPattern}; got ${JSON.stringify(value.slice(0, valueShownMax))}`;
  }
}

const valueShownMax = 80;

function knownOf(parameters: { readonly [name: string]: TemplateParameter }): string {
  const names = Object.keys(parameters).sort();
  if (names.length === 0) return 'it has none';
  const more = names.length > namesShownMax ? ` and ${names.length - namesShownMax} more` : '';
  return `it has ${names.slice(0, namesShownMax).join(', ')}${more}`;
}
