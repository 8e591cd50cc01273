import { describe, expect, it } from 'vitest';
import { readClaudeAccount } from '../../../../src/main/core/attribution/read-claude.ts';
import { readGitSettings } from '../../../../src/main/core/attribution/read-git.ts';
import { inMemory } from './in-memory.ts';

const email = (text: string) => `[user]\nemail = ${text}\n`;

async function gitEmail(files: Readonly<Record<string, string>>, env: Readonly<Record<string, string>> = {}) {
  return (await readGitSettings(inMemory(files, env))).values.get('user.email');
}

describe("git's settings", () => {
  it('are those of the user, in the folder that XDG names and in the home folder, over those of the system', async () => {
    const system = { '/etc/gitconfig': email('system') };
    const xdg = { ...system, '/home/me/.config/git/config': email('xdg') };

    expect(await gitEmail({})).toBeUndefined();
    expect(await gitEmail(system)).toBe('system');
    expect(await gitEmail(xdg)).toBe('xdg');
    expect(await gitEmail({ ...xdg, '/home/me/.gitconfig': email('home') })).toBe('home');
    expect(await gitEmail({ ...system, '/x/git/config': email('elsewhere') }, { XDG_CONFIG_HOME: '/x' })).toBe(
      'elsewhere',
    );
  });

  it("follow git's own variables", async () => {
    const files = {
      '/etc/gitconfig': email('system'),
      '/s': email('other system'),
      '/g': email('other user'),
      '/home/me/.gitconfig': '[core]\n',
    };

    expect(await gitEmail(files, { GIT_CONFIG_SYSTEM: '/s' })).toBe('other system');
    expect(await gitEmail(files, { GIT_CONFIG_NOSYSTEM: '1' })).toBeUndefined();
    expect(await gitEmail(files, { GIT_CONFIG_GLOBAL: '/g' })).toBe('other user');
  });

  it('include what a file includes, where it does so', async () => {
    const files = {
      '/home/me/.gitconfig': `${email('before')}[include]\npath = work\npath = ~/more/git\npath = /abs\npath = none\n`,
      '/home/me/work': email('work'),
      '/home/me/more/git': '[include]\npath = deeper\n',
      '/home/me/more/deeper': email('deeper'),
      '/abs': '[user]\nname = Jo\n',
    };
    const { values, looked } = await readGitSettings(inMemory(files));

    expect(Object.fromEntries(values)).toEqual({ 'user.email': 'deeper', 'user.name': 'Jo' });
    expect(looked).toEqual([
      '/home/me/.gitconfig',
      '/home/me/work',
      '/home/me/more/git',
      '/home/me/more/deeper',
      '/abs',
    ]);
    const later = { ...files, '/home/me/.gitconfig': `${files['/home/me/.gitconfig']}${email('after')}` };
    expect(await gitEmail(later)).toBe('after');
  });

  it('do not depend on the repository that somebody is in', async () => {
    const files = {
      '/home/me/.gitconfig': `${email('me')}[includeIf "gitdir:~/work/"]\npath = work\n`,
      '/home/me/work': email('work'),
    };
    expect(await gitEmail(files)).toBe('me');
  });

  it('end somewhere, also where files include themselves and each other', async () => {
    const many = '[include]\npath = .gitconfig\n'.repeat(20);
    const { looked } = await readGitSettings(inMemory({ '/home/me/.gitconfig': `${email('me')}${many}` }));

    expect(looked.length).toBeLessThanOrEqual(64);
  });

  it('say what was wrong with a file, and hold what stands before that', async () => {
    const broken = await readGitSettings(inMemory({ '/home/me/.gitconfig': `${email('me')}[core\n` }));
    const closed = await readGitSettings(inMemory({ '/home/me/.gitconfig': { code: 'EACCES' } }));

    expect(broken.values.get('user.email')).toBe('me');
    expect(broken.looked).toEqual(['/home/me/.gitconfig, which has a mistake in line 3']);
    expect(closed.looked).toEqual(['/home/me/.gitconfig, which cannot be read (EACCES)']);
  });

  it('of a name without a value are none', async () => {
    expect(await gitEmail({ '/home/me/.gitconfig': `${email('me')}[user]\nemail\n` })).toBeUndefined();
  });
});

describe("Claude Code's account", () => {
  const file = '/home/me/.claude.json';
  const account = (address: unknown) => JSON.stringify({ projects: {}, oauthAccount: { emailAddress: address } });
  const known = { kind: 'known', email: 'me@example.com' } as const;

  it('is in the home folder, or in the one that CLAUDE_CONFIG_DIR names', async () => {
    const elsewhere = { [file]: account('home@example.com'), '/c/.claude.json': account('me@example.com') };

    expect(await readClaudeAccount(inMemory({ [file]: account('me@example.com') }))).toEqual(known);
    expect(await readClaudeAccount(inMemory(elsewhere, { CLAUDE_CONFIG_DIR: '/c' }))).toEqual(known);
    const onlyHome = inMemory({ [file]: account('me@example.com') }, { CLAUDE_CONFIG_DIR: '/c' });
    expect(await readClaudeAccount(onlyHome)).toEqual(known);
  });

  it.each([
    ['no file', {}, `there is no ${file}`],
    ['nobody logged in', { [file]: '{"oauthAccount":null}' }, `${file} names no account: nobody is logged in with one`],
    ['no account at all', { [file]: '{}' }, `${file} names no account: nobody is logged in with one`],
    ['an address that is none', { [file]: account(7) }, `${file} names no account: nobody is logged in with one`],
    ['a file cut short', { [file]: '{"oauthAccount":{"emailAdd' }, `${file} is not complete JSON`],
    ['an empty file', { [file]: '' }, `${file} is not complete JSON`],
    ['an account that is no JSON', { [file]: '{"oauthAccount":{secret}}' }, `${file} is not complete JSON`],
    ['a file of another', { [file]: { code: 'EACCES' } }, `${file} cannot be read (EACCES)`],
  ])('is not known with %s', async (_, files, because) => {
    expect(await readClaudeAccount(inMemory(files))).toEqual({ kind: 'none', because });
  });

  it('stays known while the file is being written, and no longer', async () => {
    const whole = account('me@example.com');

    expect(await readClaudeAccount(inMemory({ [file]: whole.slice(0, 30) }), known)).toEqual(known);
    expect(await readClaudeAccount(inMemory({ [file]: { code: 'EBUSY' } }), known)).toEqual(known);
    expect(await readClaudeAccount(inMemory({ [file]: '{}' }), known)).toMatchObject({ kind: 'none' });
    expect(await readClaudeAccount(inMemory({}), known)).toMatchObject({ kind: 'none' });
  });
});
