import { join } from 'node:path';
import { findMember } from './json-member.ts';
import { readSource, type SourcePlaces } from './read-source.ts';

/** The e-mail address with which a person is logged in to Claude Code. */
export type ClaudeAccount =
  | { readonly kind: 'known'; readonly email: string }
  | { readonly kind: 'none'; readonly because: string };

/**
 * Reads `oauthAccount.emailAddress` of Claude Code's `.claude.json`. The file is another program's, holds much that is none
 * of the relay's business, can have many megabytes, and may be in the middle of being written: only that one member is
 * looked at, and where it cannot be seen for a moment, what was known `before` stays true.
 */
export async function readClaudeAccount(places: SourcePlaces, before?: ClaudeAccount): Promise<ClaudeAccount> {
  const { env, home } = places;
  const folders = new Set([env.CLAUDE_CONFIG_DIR || home, home]);
  const reasons: string[] = [];
  for (const folder of folders) {
    const path = join(folder, '.claude.json');
    const source = await readSource(places, path);
    if (source.kind === 'missing') {
      reasons.push(`there is no ${path}`);
      continue;
    }
    const account = source.kind === 'read' ? accountIn(source.bytes) : 'unknown';
    if (account === 'unknown') {
      if (before?.kind === 'known') return before;
      const trouble = source.kind === 'unreadable' ? `cannot be read (${source.code})` : 'is not complete JSON';
      reasons.push(`${path} ${trouble}`);
    } else if (account === undefined) {
      reasons.push(`${path} names no account: nobody is logged in with one`);
    } else {
      return { kind: 'known', email: account };
    }
  }
  return { kind: 'none', because: reasons.join(', ') };
}

function accountIn(json: Buffer): string | 'unknown' | undefined {
  const member = findMember(json, 'oauthAccount');
  if (member === undefined) return undefined;
  try {
    const account: unknown = JSON.parse(member);
    if (typeof account !== 'object' || account === null || !('emailAddress' in account)) return undefined;
    return typeof account.emailAddress === 'string' && account.emailAddress !== '' ? account.emailAddress : undefined;
  } catch {
    return 'unknown';
  }
}
