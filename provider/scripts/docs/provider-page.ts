/** The page of the provider itself: how to configure it. Pure. */
import { providerArguments, providerDescription } from '../../src/schema/provider-shape.js';
import { codeBlock, page } from './page.js';

/** The page. `usage` is the example's HCL. */
export function providerPage(usage: string): string {
  const lines = providerArguments.map(
    ({ name, sensitive, description }) =>
      `- \`${name}\` (String${sensitive ? ', Sensitive' : ''}) ${description}`,
  );
  return page({
    title: 'LimiQuantix',
    kind: 'Provider',
    subcategory: '',
    description: providerDescription,
    sections: [
      `## Example Usage\n\n${codeBlock('terraform', usage)}`,
      `## Schema\n\n### Optional\n\n${lines.join('\n')}`,
    ],
  });
}
