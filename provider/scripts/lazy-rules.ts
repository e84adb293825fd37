/**
 * Makes the bundled protovalidate compile a standard rule when it is first used. The library has
 * most of them in plain code as well and still compiles every one, which takes longer than all
 * else that a provider process does before its first answer.
 */
import { readFileSync } from 'node:fs';
import type { Plugin } from 'esbuild';

const eager = /compiled: this\.compileRule\(rule\),/g;
const lazy =
  'get compiled() { const value = compile(rule); ' +
  "Object.defineProperty(this, 'compiled', { value }); return value; },";
const method = 'compileRulesUncached(descMessage) {';
const placesExpected = 2;

/** An esbuild plugin. The build fails where the library isn't as expected. */
export const lazyRules: Plugin = {
  name: 'lazy-rules',
  setup(build) {
    build.onLoad({ filter: /protovalidate[\\/]dist[\\/](esm|cjs)[\\/]cel\.js$/ }, ({ path }) => {
      const source = readFileSync(path, 'utf8');
      const places = source.match(eager)?.length ?? 0;
      if (places !== placesExpected || !source.includes(method)) {
        throw new Error('protovalidate has changed: look at scripts/lazy-rules.ts again');
      }
      const begin = `${method} const compile = (rule) => this.compileRule(rule);`;
      return { contents: source.replace(method, begin).replace(eager, lazy), loader: 'js' };
    });
  },
};
