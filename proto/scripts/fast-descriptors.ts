/**
 * The bundler's plugin that has the descriptions of the contract's files read by `src/binary`. That
 * is done when they are loaded, and by the library takes most of the time of a short process.
 */
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import type { Plugin } from 'esbuild';

const codec = fileURLToPath(new URL('../src/binary/codec.ts', import.meta.url));
const librarys = '"../from-binary.js"';

/** Fails the build where the library is not what it was when this was written. */
export const fastDescriptors: Plugin = {
  name: 'fast-descriptors',
  setup({ onLoad }) {
    onLoad({ filter: /@bufbuild\/protobuf\/dist\/esm\/codegenv2\/file\.js$/ }, async ({ path }) => {
      const text = await readFile(path, 'utf8');
      if (!text.includes(librarys)) throw new Error(`${path} no longer reads as expected`);
      return { contents: text.replace(librarys, JSON.stringify(codec)) };
    });
  },
};
