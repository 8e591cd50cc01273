// biome-ignore-all lint/suspicious/noTemplateCurlyInString: templates of the relay
import { describe, expect, it } from 'vitest';
import { createAttribution } from '../../../../src/main/core/attribution/attribution.ts';
import type { AttributeRule } from '../../../../src/main/core/attribution/rules.ts';
import { lineLog } from '../../../../src/main/core/log.ts';
import { decodeRequest } from '../../../../src/main/core/otlp/decode.ts';
import { recorded } from '../../../support/recordings.ts';
import { until } from '../../../support/until.ts';
import { type FilesInMemory, inMemory } from './in-memory.ts';

const rule = (value: string, key = 'team'): AttributeRule => ({ key, value, override: false });
const gitconfig = { '/home/me/.gitconfig': '[user]\nemail = me@example.com\nname = Jo Doe\n' };
const account = { '/home/me/.claude.json': '{"oauthAccount":{"emailAddress":"jo@example.com"}}' };

async function attributionWith(files: FilesInMemory = {}, env: Readonly<Record<string, string>> = {}) {
  const changing: Record<string, string | { readonly code: string }> = { ...files };
  const places = inMemory(changing, env);
  const logged: string[] = [];
  const log = lineLog(
    (line) => logged.push(line.replace(/^\S+ /, '').trimEnd()),
    () => 0,
  );
  const attribution = createAttribution({ ...places, log });
  await attribution.refresh();
  return { attribution, files: changing, read: places.read, logged };
}

async function resolved(value: string, files: FilesInMemory = {}, env: Readonly<Record<string, string>> = {}) {
  const { attribution } = await attributionWith(files, env);
  return attribution.resolve([rule(value)])[0];
}

describe('a rule', () => {
  it.each([
    ['platform', 'platform'],
    ['a$b 100% price {x} ', 'a$b 100% price {x} '],
    ['${git:user.email}', 'me@example.com'],
    ['${git:User.Name} <${git:user.email}>', 'Jo Doe <me@example.com>'],
    ['${claude:account.email}', 'jo@example.com'],
    ['${env:TEAM}-${env:ProgramFiles(x86)}', 'core-x86'],
  ])('%s is set', async (value, expected) => {
    const env = { TEAM: ' core ', 'ProgramFiles(x86)': 'x86' };

    expect(await resolved(value, { ...gitconfig, ...account }, env)).toEqual({
      key: 'team',
      outcome: 'set',
      value: expected,
      override: false,
    });
  });

  it.each([
    ['x-${env:TEAM}', '${env:TEAM}', "TEAM is not set in the relay's own environment"],
    ['${env:EMPTY}', '${env:EMPTY}', "EMPTY is not set in the relay's own environment"],
    ['${env:A B}', '${env:A B}', 'behind env: stands the name of an environment variable'],
    ['${git:user.signingkey}', '${git:user.signingkey}', 'user.signingkey is not set; looked in: /home/me/.gitconfig'],
    ['${git:email}', '${git:email}', "behind git: stands the name of a setting of git's, such as user.email"],
    ['${claude:account.name}', '${claude:account.name}', 'behind claude: stands account.email'],
    ['${claude:account.email}', '${claude:account.email}', 'there is no /home/me/.claude.json'],
    ['${gti:user.email}', '${gti:user.email}', 'there is no source gti: it can be env, git, claude'],
    ['${env:LONG}', '${env:LONG}', 'it comes to more than 1024 characters'],
  ])('%s has no value', async (value, template, because) => {
    const env = { EMPTY: ' ', LONG: 'x'.repeat(1025) };

    expect(await resolved(value, gitconfig, env)).toEqual({ key: 'team', outcome: 'unresolved', template, because });
  });

  it.each([
    ['%Email%', '%Email%'],
    ['${EMAIL}', '${EMAIL}'],
    ['team {{department}}', '{{department}}'],
    ['${env:WORK_EMAIL}', '$EMAIL'],
    ['${git:user.email}/$USERNAME', '$USERNAME'],
  ])('%s holds a placeholder', async (value, placeholder) => {
    expect(await resolved(value, gitconfig, { WORK_EMAIL: '$EMAIL' })).toEqual({
      key: 'team',
      outcome: 'placeholder',
      placeholder,
    });
  });
});

describe('attribution', () => {
  const body = recorded('metrics', 'pb');

  it('puts on requests what has a value, and nothing else', async () => {
    const { attribution } = await attributionWith(gitconfig);
    const rules = [
      rule('${git:user.email}', 'user.email'),
      rule('%Email%', 'placeholder'),
      rule('${env:NO}', 'nothing'),
    ];

    const text = JSON.stringify(await decodeRequest('metrics', attribution.enrich(rules, 'metrics', body)));
    expect(text).toContain('"key":"user.email","value":{"stringValue":"me@example.com"}');
    expect(text).not.toMatch(/placeholder|nothing/);
  });

  it('leaves a request as it is without rules, and where it has everything', async () => {
    const { attribution } = await attributionWith();

    expect(attribution.enrich([], 'metrics', body)).toBe(body);
    expect(attribution.enrich([rule('x', 'work_email')], 'metrics', body)).toBe(body);
    expect(attribution.enrich([rule('%Email%')], 'metrics', body)).toBe(body);
  });

  it('follows its sources from one refresh to the next', async () => {
    const { attribution, files } = await attributionWith(gitconfig);
    const rules = [rule('${git:user.email}')];
    const value = () => attribution.resolve(rules).map((one) => (one.outcome === 'set' ? one.value : one.outcome));
    expect(value()).toEqual(['me@example.com']);

    files['/home/me/.gitconfig'] = '[user]\nemail = new@example.com\n';
    expect(value()).toEqual(['me@example.com']);
    await attribution.refresh();
    expect(value()).toEqual(['new@example.com']);
    const text = JSON.stringify(await decodeRequest('metrics', attribution.enrich(rules, 'metrics', body)));
    expect(text).toContain('new@example.com');

    delete files['/home/me/.gitconfig'];
    await attribution.refresh();
    expect(value()).toEqual(['unresolved']);
  });

  it('prepares nothing anew while nothing changes', async () => {
    const { attribution } = await attributionWith(gitconfig);
    const rules = [rule('${git:user.email}')];
    const before = attribution.resolve(rules);
    await attribution.refresh();

    expect(attribution.resolve(rules)).toBe(before);
  });

  it('reads everything once, then only what rules ask for', async () => {
    const { attribution, read } = await attributionWith({ ...gitconfig, ...account });
    expect(read).toContain('/home/me/.claude.json');
    read.length = 0;
    await attribution.refresh();
    expect(read).toEqual([]);

    const rules = [rule('${claude:account.email}')];
    expect(attribution.resolve(rules)).toMatchObject([{ value: 'jo@example.com' }]);
    read.length = 0;
    await attribution.refresh();
    expect(new Set(read)).toEqual(new Set(['/home/me/.claude.json']));
  });

  it('reads anew what is asked for the first time, long after it was read', async () => {
    const { attribution, files } = await attributionWith(gitconfig);
    files['/home/me/.gitconfig'] = '[user]\nemail = new@example.com\n';
    const rules = [rule('${git:user.email}')];
    attribution.resolve(rules);

    await until('it is read', () => JSON.stringify(attribution.resolve(rules)).includes('new@example.com'));
  });

  it('logs once what is not sent and why, and when it is, and never a value', async () => {
    const { attribution, files, logged } = await attributionWith();
    const rules = [rule('${git:user.email}'), rule('x%Email%', 'work_email')];
    attribution.resolve(rules);
    attribution.resolve([...rules]);
    files['/home/me/.gitconfig'] = '[user]\nemail = me@example.com\n';
    await attribution.refresh();
    attribution.resolve(rules);

    expect(logged).toEqual([
      'warn attribute not sent key=team outcome=unresolved template=${git:user.email} because="user.email is not set; looked in: git has no configuration of its own here"',
      'warn attribute not sent key=work_email outcome=placeholder placeholder=%Email%',
      'info attribute in force key=team',
    ]);
  });
});
