/**
 * What a provider function is: its signature, as Terraform's schema and the docs have it, and the
 * pure work behind it.
 */
import type { TerraformType } from '../value/type.js';
import type { Value } from '../value/value.js';

/** An argument of a function. */
export interface FunctionParameter {
  readonly name: string;
  readonly type: TerraformType;
  readonly description: string;
}

/** A function of the provider. */
export interface ProviderFunction {
  readonly name: string;
  /** What it does, in one line. */
  readonly summary: string;
  /** More about it, in Markdown. */
  readonly description: string;
  readonly parameters: readonly FunctionParameter[];
  /** The last parameter, if it may be left out or be given more than once. */
  readonly variadic: FunctionParameter | undefined;
  readonly returns: TerraformType;
  /** All arguments are known and none is null. Throws ArgumentError. */
  readonly call: (args: readonly Value[]) => Value;
}

/** An argument that a function can't work with. */
export class ArgumentError extends Error {
  constructor(
    /** Its position, from 0. */
    readonly position: number,
    message: string,
  ) {
    super(message);
  }
}
