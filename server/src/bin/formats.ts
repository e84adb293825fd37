/** The formats in which commands show resources. */
import { Option } from 'commander';

/** The formats of `--output`. */
export const formats = ['table', 'wide', 'yaml', 'json', 'name'] as const;

/** A format of `--output`. */
export type Format = (typeof formats)[number];

/** The option `--output`. */
export function outputOption(): Option {
  return new Option('-o, --output <format>', 'how to show them').choices([...formats]);
}
