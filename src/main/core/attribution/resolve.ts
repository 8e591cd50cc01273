import { assertNever } from '../../../shared/assert-never.ts';
import type { ResolvedAttribute } from '../../../shared/attribution.ts';
import { findPlaceholder } from './placeholder.ts';
import type { ClaudeAccount } from './read-claude.ts';
import type { GitSettings } from './read-git.ts';
import { type AttributeRule, attributeLimits } from './rules.ts';
import { parseTemplate, type TemplatePart } from './template.ts';

/** What templates can stand for. */
export interface TemplateValues {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly git: GitSettings;
  readonly claude: ClaudeAccount;
}

type Found = { readonly ok: true; readonly value: string } | { readonly ok: false; readonly because: string };

/** What becomes of a rule. A value that nobody filled in is not sent: a vendor would take it for a person. */
export function resolveRule({ key, value, override }: AttributeRule, values: TemplateValues): ResolvedAttribute {
  let text = '';
  for (const part of parseTemplate(value)) {
    const found = find(part, values);
    if (!found.ok) {
      const template = part.kind === 'text' ? value : part.template;
      return { key, outcome: 'unresolved', template, because: found.because };
    }
    text += found.value;
  }
  const placeholder = findPlaceholder(text);
  if (placeholder !== undefined) return { key, outcome: 'placeholder', placeholder };
  const { maxValueLength } = attributeLimits;
  if (text.length > maxValueLength) {
    return {
      key,
      outcome: 'unresolved',
      template: value,
      because: `it comes to more than ${maxValueLength} characters`,
    };
  }
  return { key, outcome: 'set', value: text, override };
}

function find(part: TemplatePart, { env, git, claude }: TemplateValues): Found {
  if (part.kind === 'text') return { ok: true, value: part.text };
  if (part.kind === 'mistake') return { ok: false, because: part.because };
  const { name } = part;
  switch (part.source) {
    case 'env': {
      // What a shell sets is not in the environment of a program that the system starts.
      return filled(env[name], `${name} is not set in the relay's own environment`);
    }
    case 'git': {
      const looked = git.looked.length === 0 ? 'git has no configuration of its own here' : git.looked.join(', ');
      return filled(git.values.get(name.toLowerCase()), `${name} is not set; looked in: ${looked}`);
    }
    case 'claude':
      return claude.kind === 'known' ? filled(claude.email, '') : { ok: false, because: claude.because };
    default:
      return assertNever(part.source);
  }
}

function filled(value: string | undefined, because: string): Found {
  const trimmed = value?.trim() ?? '';
  return trimmed === '' ? { ok: false, because } : { ok: true, value: trimmed };
}
