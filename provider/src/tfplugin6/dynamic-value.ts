/**
 * Terraform's dynamic values, to and from the engine's.
 */
import type { DynamicValue } from '../../gen/tfplugin6_pb.js';
import { decodeValue } from '../value/msgpack-decode.js';
import { encodeValue } from '../value/msgpack-encode.js';
import type { TerraformType } from '../value/type.js';
import { isObject, type ObjectValue, type Value } from '../value/value.js';

/** A dynamic value to send. */
export function encodeDynamic(value: Value): { msgpack: Uint8Array } {
  return { msgpack: encodeValue(value) };
}

/** Whether a dynamic value is null or missing, which its first byte tells. */
export function isNull(value: DynamicValue | undefined): boolean {
  return value === undefined || value.msgpack.length === 0 || value.msgpack[0] === msgpackNil;
}

const msgpackNil = 0xc0;

/** The object in a dynamic value; null if it is null or missing. */
export function decodeObject(
  value: DynamicValue | undefined,
  type: TerraformType,
): ObjectValue | null {
  if (value === undefined || isNull(value)) return null;
  const decoded = decodeValue(value.msgpack, type);
  return isObject(decoded) ? decoded : null;
}
