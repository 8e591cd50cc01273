import { findPlaceholder } from './placeholder.ts';

/** Where a template takes its value from. */
export const templateSources = ['env', 'git', 'claude'] as const;

export type TemplateSource = (typeof templateSources)[number];

export type TemplatePart =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'template'; readonly template: string; readonly source: TemplateSource; readonly name: string }
  /** It looks like a template and is none. */
  | { readonly kind: 'mistake'; readonly template: string; readonly because: string };

/**
 * The parts of an attribute's value: text, and templates such as `${git:user.email}`. What only looks like a template, such
 * as `${EMAIL}`, is left in the text: it is somebody else's.
 */
export function parseTemplate(value: string): readonly TemplatePart[] {
  const parts: TemplatePart[] = [];
  let end = 0;
  for (const match of value.matchAll(/\$\{([A-Za-z]+):([^{}]*)\}/g)) {
    const [template, source = '', name = ''] = match;
    if (match.index > end) parts.push({ kind: 'text', text: value.slice(end, match.index) });
    parts.push(templatePart(template, source, name));
    end = match.index + template.length;
  }
  if (end < value.length) parts.push({ kind: 'text', text: value.slice(end) });
  return parts;
}

function templatePart(template: string, source: string, name: string): TemplatePart {
  const known = templateSources.find((one) => one === source);
  if (known === undefined) {
    return {
      kind: 'mistake',
      template,
      because: `there is no source ${source}: it can be ${templateSources.join(', ')}`,
    };
  }
  const { pattern, words } = names[known];
  return pattern.test(name)
    ? { kind: 'template', template, source: known, name }
    : { kind: 'mistake', template, because: `behind ${known}: stands ${words}` };
}

const names: Readonly<Record<TemplateSource, { readonly pattern: RegExp; readonly words: string }>> = {
  // Windows has names such as ProgramFiles(x86).
  env: { pattern: /^[A-Za-z_][\w()]*$/, words: 'the name of an environment variable' },
  git: { pattern: /^[A-Za-z\d-]+\.[A-Za-z][A-Za-z\d-]*$/, words: "the name of a setting of git's, such as user.email" },
  claude: { pattern: /^account\.email$/, words: 'account.email' },
};

/** A variable in the text of a value that somebody else should have filled in. */
export function placeholderIn(parts: readonly TemplatePart[]): string | undefined {
  // As one text, for the form of a placeholder can depend on what is before it.
  return findPlaceholder(parts.map((part) => (part.kind === 'text' ? part.text : ' ')).join(''));
}
