/** A page in the layout of Terraform's registry: front matter, title, sections. Pure. */

/** What a page is made of. */
export interface Page {
  /** Such as `limiquantix_vm`. */
  readonly title: string;
  readonly kind:
    | 'Resource'
    | 'Data Source'
    | 'Function'
    | 'Ephemeral Resource'
    | 'List Resource'
    | 'Action'
    | 'Provider';
  /** Where the registry's menu has it; empty for none. */
  readonly subcategory: string;
  /** A paragraph or more, in Markdown. */
  readonly description: string;
  readonly sections: readonly string[];
}

/** The page's text. */
export function page({ title, kind, subcategory, description, sections }: Page): string {
  const summary = description.split('\n')[0] ?? '';
  const heading = kind === 'Provider' ? `${title} Provider` : `${title} (${kind})`;
  const name = kind === 'Provider' ? `Provider: ${title}` : `${title} ${kind} - limiquantix`;
  const front = [
    '---',
    '# Written by `make docs` from the contract and the examples; not for editing.',
    `page_title: "${name}"`,
    ...(subcategory === '' ? [] : [`subcategory: "${subcategory}"`]),
    `description: |-\n  ${summary}`,
    '---',
  ].join('\n');
  const parts = [front, `# ${heading}`, description, ...sections];
  return `${parts.map((part) => part.trim()).join('\n\n')}\n`;
}

/** A fenced block. */
export const codeBlock = (language: string, text: string): string =>
  `\`\`\`${language}\n${text.trim()}\n\`\`\``;
