/** All functions of the provider. */
import { cidrHostRange } from './cidr-host-range.js';
import { cloudInit } from './cloud-init.js';
import type { ProviderFunction } from './function.js';
import { parseId } from './parse-id.js';

/** By their names. */
export const providerFunctions: ReadonlyMap<string, ProviderFunction> = new Map(
  [cidrHostRange, cloudInit, parseId].map((one) => [one.name, one]),
);
