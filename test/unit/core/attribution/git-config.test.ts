import { spawnSync } from 'node:child_process';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseGitConfig } from '../../../../src/main/core/attribution/git-config.ts';

describe("git's configuration syntax", () => {
  it.each([
    ['[user]\n\temail = dev@example.com\n', { 'user.email': 'dev@example.com' }],
    ['[USER]\r\n  EMail=dev@example.com\r\n', { 'user.email': 'dev@example.com' }],
    ['\uFEFF[user] email = dev@example.com # work', { 'user.email': 'dev@example.com' }],
    ['[user]\n; email = a\n# email = b\nemail = "c" ; d', { 'user.email': 'c' }],
    ['[user]\nname = "A; B" #c\nemail=  a"  "b  \t', { 'user.name': 'A; B', 'user.email': 'a  b' }],
    ['[user]\nname = Jo  "Q"\\\n  Doe \\"X\\" \\\\ \\t.', { 'user.name': 'Jo  Q  Doe "X" \\ \t.' }],
    ['[user "Work \\"1\\" \\x"]\nemail = a', { 'user.Work "1" x.email': 'a' }],
    ['[Remote.Origin]\nurl = x', { 'remote.origin.url': 'x' }],
    ['[user]email=\n[core]\nbare\n', { 'user.email': '', 'core.bare': null }],
    ['[user]\nemail = a\nemail = b', { 'user.email': 'b' }],
    ['email = a', {}],
    ['', {}],
  ])('%j', (text, expected) => {
    const { settings, brokenAtLine } = parseGitConfig(text);

    expect(Object.fromEntries(settings.map(({ key, value }) => [key, value]))).toEqual(expected);
    expect(brokenAtLine).toBeNull();
  });

  it.each([
    ['[user]\nemail = "a', 2],
    ['[user]\nemail = a\n[user\n', 3],
    ['[user]\nemail = \\x', 2],
    ['[user]\n\nemail : a', 3],
    ['[user]\n1email = a', 2],
    ['[user "x]\n', 1],
    ['<<<<<<< HEAD\n[user]\nemail = a', 1],
  ])('%j is broken in line %i', (text, line) => {
    expect(parseGitConfig(text).brokenAtLine).toBe(line);
  });

  it('keeps what stood before the break', () => {
    expect(parseGitConfig('[user]\nemail = a\nname = "').settings).toEqual([{ key: 'user.email', value: 'a' }]);
  });
});

const gitIsHere = spawnSync('git', ['--version']).status === 0;

describe.skipIf(!gitIsHere)('beside git itself (skipped where there is none)', () => {
  // No tabs inside: old versions of git make blanks of them.
  const token = fc.constantFrom(
    ...[
      '[user]',
      '[a.B]',
      '[a "B c"]',
      '[a "\\"\\x"]',
      '[',
      ']',
      '"',
      '\\',
      '\\n',
      '\\"',
      '\\\n',
      '\n',
      '\r\n',
      ' ',
      '=',
    ],
    ...['email', 'Name', 'x-1', '=a', ' = a b ', ';', '#', '.', 'é', '1', '\nemail = x', '\nemail = "y z" # '],
  );

  it('reads the same settings, and breaks in the same line', () => {
    fc.assert(
      fc.property(fc.array(token, { maxLength: 12 }), (tokens) => {
        // With an end of line at the end: without it, git counts one line too many for some mistakes.
        const text = `[first]\n${tokens.join('')}\n`;
        const git = spawnSync('git', ['config', '--file', '-', '--list', '-z'], { input: text, encoding: 'utf8' });
        const { settings, brokenAtLine } = parseGitConfig(text);

        const line = /bad config line (\d+)/.exec(git.stderr)?.[1];
        expect(brokenAtLine).toBe(line === undefined ? null : Number(line));
        if (line !== undefined) return;
        const listed = git.stdout.split('\0').slice(0, -1);
        expect(settings.map(({ key, value }) => (value === null ? key : `${key}\n${value}`))).toEqual(listed);
      }),
      { numRuns: 300 },
    );
  });
});
