import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import {
  type Credentials,
  createCredentials,
  type StoredCredentials,
} from '../../../../src/main/core/delivery/credentials.ts';
import { type Destination, heldDestination } from '../../../../src/main/core/delivery/destination.ts';
import { silentLog } from '../../../../src/main/core/log.ts';
import { type HandClock, handClock } from '../../../support/hand-clock.ts';
import { until } from '../../../support/until.ts';

const nothing: StoredCredentials = { presented: [], worked: [] };
const hourMs = 60 * 60_000;

type Own = Partial<NonNullable<Destination['credential']>>;

function destination(name: string, own: Own = {}, endpoint = 'https://otel.span.app:443'): Destination {
  return {
    ...heldDestination(name, ['metrics', 'logs']),
    endpoint,
    headers: { 'x-team': 'blue' },
    credential: { header: 'X-Span-Token', tokens: [], ...own },
  };
}

const span = (own: Own = {}) => destination('span', own);
const configured = (token: string): Own => ({ tokens: [{ source: 'config', token }] });

interface Subject {
  readonly subject: Credentials;
  readonly saves: readonly StoredCredentials[];
  readonly clock: HandClock;
  value(name?: string): string | undefined;
  refuse(name?: string): void;
  work(name?: string): void;
}

async function credentials(destinations: readonly Destination[] = [span()], stored = nothing): Promise<Subject> {
  const saves: StoredCredentials[] = [];
  const clock = handClock(1_000_000);
  const subject = await createCredentials({
    load: async () => stored,
    save: async (state) => void saves.push(state),
    clock,
    log: silentLog,
  });
  onTestFinished(() => subject.close());
  subject.setDestinations(destinations);
  const now = (name: string) => {
    const resolved = subject.resolve(name, 'metrics');
    if (resolved === undefined) throw new Error(`${name} has no credential`);
    return resolved;
  };
  return {
    subject,
    saves,
    clock,
    value: (name = 'span') => subject.resolve(name, 'metrics')?.headers['X-Span-Token'],
    refuse: (name = 'span') => subject.refused(name, 'metrics', now(name).fingerprint),
    work: (name = 'span') => subject.worked(name, 'metrics', now(name).fingerprint),
  };
}

async function tokenFile(text: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'span-relay-token-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  const path = join(folder, 'token');
  await writeFile(path, text);
  return path;
}

describe('which credential is used', () => {
  it('the policy’s, then the config’s, then the file’s, then what was presented last; a refused one gives way', async () => {
    const own: Own = {
      tokens: [
        { source: 'policy', token: 'of policy' },
        { source: 'config', token: 'of config' },
      ],
      tokenFile: await tokenFile('of file\n'),
    };
    const { subject, value, refuse } = await credentials([span(own)]);
    await subject.firstRead('span');
    subject.present('x-span-token', 'first presented');
    subject.present('X-SPAN-TOKEN', 'last presented');
    for (const expected of ['of policy', 'of config', 'of file', 'last presented', 'first presented']) {
      expect(value()).toBe(expected);
      refuse();
    }
    expect(value()).toBe('of policy');
  });

  it('the one header beside those that are always sent', async () => {
    const { subject } = await credentials([span(configured('tok'))]);
    expect(subject.resolve('span', 'metrics')?.headers).toEqual({ 'x-team': 'blue', 'X-Span-Token': 'tok' });
  });

  it('none where none is known; nothing but the headers where none is named', async () => {
    const { credential: _, ...plain } = destination('plain');
    const { subject } = await credentials([span(), plain]);
    subject.present('authorization', 'other');
    expect(subject.resolve('span', 'metrics')).toBeUndefined();
    expect(subject.resolve('plain', 'metrics')).toEqual({ headers: { 'x-team': 'blue' }, fingerprint: '' });
    expect(subject.resolve('plain', 'metrics', new Set(['']))).toBeUndefined();
    expect(subject.resolve('nobody', 'metrics')).toBeUndefined();
    expect(subject.standing('plain', 'metrics')).toEqual({ credential: null, refusedCredentials: [] });
  });

  it('with its scheme before it, unless it is there or was presented', async () => {
    const given = (token: string, scheme = 'Bearer') => ({ ...configured(token), scheme });
    const { subject, value } = await credentials([span(given('tok'))]);
    expect(value()).toBe('Bearer tok');
    subject.setDestinations([span(given('bearer tok'))]);
    expect(value()).toBe('bearer tok');
    subject.setDestinations([span(given('dt0c01.x', 'Api-Token'))]);
    expect(value()).toBe('Api-Token dt0c01.x');
    subject.setDestinations([span({ tokens: [], scheme: 'Bearer', tokenFile: await tokenFile('tok') })]);
    await subject.firstRead('span');
    expect(value()).toBe('Bearer tok');
    subject.setDestinations([span({ tokens: [], scheme: 'Bearer' })]);
    subject.present('x-span-token', 'presented as it is');
    expect(value()).toBe('presented as it is');
  });

  it('the same value from two sources is one', async () => {
    const { subject, value, refuse } = await credentials([span(configured('same'))]);
    subject.present('x-span-token', 'same');
    refuse();
    expect(value()).toBe('same');
    const tried = new Set([subject.resolve('span', 'metrics')?.fingerprint ?? '']);
    expect(subject.resolve('span', 'metrics', tried)).toBeUndefined();
  });

  it('a value that is new is tried before all that were refused, also where its source comes last', async () => {
    const { subject, value, refuse } = await credentials([span(configured('old'))]);
    refuse();
    subject.present('x-span-token', 'new');
    expect(value()).toBe('new');
    subject.setDestinations([span(configured('newer'))]);
    expect(value()).toBe('newer');
  });

  it('of those that are all refused, first what worked last', async () => {
    const { subject, value, refuse, work, clock } = await credentials([span(configured('never worked'))]);
    refuse();
    for (const token of ['a', 'b']) {
      subject.present('x-span-token', token);
      work();
      clock.advance(1_000);
    }
    refuse();
    refuse();
    expect(value()).toBe('b');
    const resolved = subject.resolve('span', 'metrics');
    expect(subject.resolve('span', 'metrics', new Set([resolved?.fingerprint ?? '']))?.headers).toMatchObject({
      'X-Span-Token': 'a',
    });
  });

  it('a higher one that was refused is tried again after an hour, although a lower one works', async () => {
    const { subject, value, refuse, work, clock } = await credentials([span(configured('configured'))]);
    subject.present('x-span-token', 'presented');
    refuse();
    work();
    clock.advance(hourMs - 1);
    expect(value()).toBe('presented');
    clock.advance(1);
    expect(value()).toBe('configured');
    // It is still told as refused until it works.
    expect(subject.standing('span', 'metrics').refusedCredentials).toMatchObject([{ source: 'config' }]);
    refuse();
    expect(value()).toBe('presented');
  });

  it('a refusal counts for the destination and the signal that it was for, and until the value is taken', async () => {
    const { subject, value, refuse, work } = await credentials([span(configured('tok')), destination('other')]);
    subject.present('x-span-token', 'presented');
    refuse();
    expect(value()).toBe('presented');
    expect(value('other')).toBe('presented');
    expect(subject.resolve('span', 'logs')?.headers).toMatchObject({ 'X-Span-Token': 'tok' });
    subject.worked('span', 'metrics', subject.resolve('span', 'logs')?.fingerprint ?? '');
    expect(value()).toBe('tok');
    work();
  });

  it('a destination that is configured anew has refused nothing; one that is not, has', async () => {
    const { subject, value, refuse } = await credentials([span(configured('tok')), destination('other')]);
    subject.present('x-span-token', 'presented');
    refuse();
    subject.setDestinations([span(configured('tok')), destination('other', configured('x'))]);
    expect(value()).toBe('presented');
    subject.setDestinations([{ ...span(configured('tok')), endpoint: 'https://elsewhere.example' }]);
    expect(value()).toBe('tok');
  });
});

describe('what Claude Code presents', () => {
  it('an old session that keeps presenting a refused token does not push the good one aside', async () => {
    const { subject, value, refuse } = await credentials();
    subject.present('x-span-token', 'rotated away');
    refuse();
    subject.present('x-span-token', 'current');
    subject.present('x-span-token', 'rotated away');
    expect(value()).toBe('current');
  });

  it('a flood of made-up tokens does not push one aside that worked', async () => {
    const { subject, value, refuse, work } = await credentials();
    subject.present('x-span-token', 'good');
    work();
    for (let n = 0; n < 500; n++) {
      subject.present('x-span-token', `made up ${n}`);
      refuse();
    }
    expect(value()).toBe('good');
    expect(subject.standing('span', 'metrics').credential).toMatchObject({ lastWorkedAt: 1_000_000 });
  });

  it('values that are no tokens are ignored', async () => {
    const { subject, saves, value } = await credentials();
    subject.present('x-span-token', '');
    subject.present('x-span-token', 'x'.repeat(10_000));
    subject.present('x-span-token', 'not for gRPC: \u00e9');
    await subject.saved();
    expect(saves).toEqual([]);
    expect(value()).toBeUndefined();
  });

  it('is not given to a destination for which it may not be meant, until the config is clear', async () => {
    const elsewhere = (own?: Own) => destination('elsewhere', own, 'https://otlp.example');
    const { subject, value } = await credentials([span(), elsewhere()]);
    subject.present('x-span-token', 'whose?');
    expect([value('span'), value('elsewhere')]).toEqual([undefined, undefined]);
    expect(subject.places('span').ambiguousWith).toEqual(['elsewhere']);
    subject.setDestinations([span(), elsewhere(configured('own'))]);
    expect([value('span'), value('elsewhere')]).toEqual(['whose?', 'own']);
    expect(subject.places('span').ambiguousWith).toEqual([]);
  });
});

describe('for people', () => {
  it('says which source is in use, since when which is refused, and when each has worked', async () => {
    const { subject, refuse, work, clock } = await credentials([span(configured('configured'))]);
    subject.present('x-span-token', 'presented');
    expect(subject.standing('span', 'metrics').credential).toEqual({
      source: 'config',
      lastWorkedAt: null,
      refusedAt: null,
      worksFor: [],
    });
    work();
    clock.advance(1_000);
    refuse();
    clock.advance(1_000);
    work();
    expect(subject.standing('span', 'metrics')).toEqual({
      credential: { source: 'presented', lastWorkedAt: 1_002_000, refusedAt: null, worksFor: [] },
      refusedCredentials: [{ source: 'config', lastWorkedAt: 1_000_000, refusedAt: 1_001_000, worksFor: [] }],
    });
    clock.advance(1_000);
    refuse();
    clock.advance(1_000);
    refuse();
    expect(subject.standing('span', 'metrics')).toMatchObject({
      credential: { source: 'presented', lastWorkedAt: 1_002_000, refusedAt: 1_003_000 },
      refusedCredentials: [{ source: 'config', refusedAt: 1_001_000 }],
    });
  });

  it('a token with rights to one signal only is told as that', async () => {
    const { subject, refuse, clock } = await credentials([span(configured('tok'))]);
    const { fingerprint = '' } = subject.resolve('span', 'metrics') ?? {};
    subject.worked('span', 'logs', fingerprint);
    clock.advance(1);
    refuse();
    // It may have been rotated away just now.
    expect(subject.standing('span', 'metrics').credential).toMatchObject({ worksFor: [], lastWorkedAt: 1_000_000 });
    clock.advance(1);
    subject.worked('span', 'logs', fingerprint);
    expect(subject.standing('span', 'metrics').credential).toMatchObject({ worksFor: ['logs'], refusedAt: 1_000_001 });
  });

  it('names the token file and what is wrong with it', async () => {
    const path = await tokenFile('');
    const { subject } = await credentials([span({ tokenFile: path }), destination('other')]);
    await subject.firstRead('span');
    expect(subject.places('span')).toEqual({ tokenFile: { path, problem: 'is empty' }, ambiguousWith: [] });
    expect(subject.places('other').tokenFile).toBeNull();
    await subject.firstRead('other');
  });
});

describe('what is remembered', () => {
  it('is saved when a value is new, works for the first time, or works again, and not else', async () => {
    const { subject, saves, work, refuse } = await credentials();
    for (const value of ['a', 'a', 'b', 'a', 'b', 'b']) subject.present('x-span-token', value);
    await subject.saved();
    expect(saves.map(({ presented }) => presented.map(({ value }) => value))).toEqual([['a'], ['b', 'a']]);
    work();
    await subject.saved();
    expect(saves.at(-1)).toMatchObject({
      presented: [{ value: 'b', worked: true }, { worked: false }],
      worked: [{ destination: 'span', lastWorkedAt: 1_000_000 }],
    });
    for (let n = 0; n < 1_000; n++) work();
    refuse();
    work();
    await subject.saved();
    // Once for the refusal, which is when the last success counts.
    expect(saves).toHaveLength(5);
  });

  it('when it worked is saved now and then, and at the end', async () => {
    const { subject, saves, work, clock } = await credentials([span(configured('tok'))]);
    work();
    await subject.saved();
    for (let minute = 0; minute < 12; minute++) {
      clock.advance(60_000);
      work();
      await subject.saved();
    }
    expect(saves).toHaveLength(3);
    await subject.close();
    expect(saves).toHaveLength(4);
    expect(saves.at(-1)?.worked).toMatchObject([{ lastWorkedAt: clock.now() }]);
    expect(JSON.stringify(saves)).not.toContain('tok');
  });

  it('serves again after a restart', async () => {
    const first = await credentials([span()]);
    first.subject.present('x-span-token', 'kept');
    first.work();
    await first.subject.saved();
    const { subject, value } = await credentials([span()], first.saves.at(-1));
    expect(value()).toBe('kept');
    expect(subject.standing('span', 'metrics').credential).toMatchObject({
      source: 'presented',
      lastWorkedAt: 1_000_000,
      refusedAt: null,
    });
  });

  it('outlives a store that cannot be written, and no value gets into the log', async () => {
    const lines: unknown[] = [];
    const note = (...entry: unknown[]) => void lines.push(entry);
    const subject = await createCredentials({
      load: async () => nothing,
      save: () => Promise.reject(new Error('tok-canary could not be written')),
      clock: handClock(0),
      log: { info: note, warn: note, error: note },
    });
    subject.setDestinations([span()]);
    subject.present('x-span-token', 'tok-canary');
    await subject.saved();
    expect(lines).toHaveLength(1);
    expect(JSON.stringify(lines)).not.toContain('tok-canary');
    expect(subject.standing('span', 'metrics').credential?.source).toBe('presented');
  });
});

describe('a destination that has got another value is told', () => {
  async function listening(destinations: readonly Destination[]) {
    const made = await credentials(destinations);
    const heard: string[] = [];
    const cancel = made.subject.onChanged((name) => heard.push(name));
    return { ...made, heard, cancel };
  }

  it('when one is presented that was not known, to those that may have it', async () => {
    const { subject, heard, cancel } = await listening([
      span(),
      destination('own', { header: 'Authorization' }),
      destination('same host', configured('x')),
    ]);
    for (const value of ['a', 'a', 'b', 'a']) subject.present('X-Span-Token', value);
    cancel();
    subject.present('x-span-token', 'c');
    expect(heard).toEqual(['span', 'same host', 'span', 'same host']);
  });

  it('when its file holds another', async () => {
    const path = await tokenFile('a');
    const { subject, heard, value, clock } = await listening([span({ tokenFile: path }), destination('other')]);
    await subject.firstRead('span');
    expect([heard, value()]).toEqual([['span'], 'a']);
    await writeFile(path, 'b');
    clock.advance(60_000);
    await until('it was read', () => value() === 'b');
    expect(heard).toEqual(['span', 'span']);
    subject.setDestinations([span()]);
    expect(value()).toBeUndefined();
  });

  it('when the config has another, or makes clear for whom what is presented is meant', async () => {
    const elsewhere = (own?: Own) => destination('elsewhere', own, 'https://otlp.example');
    const { subject, heard } = await listening([span(), elsewhere()]);
    heard.length = 0;
    subject.setDestinations([span(), elsewhere()]);
    expect(heard).toEqual([]);
    subject.setDestinations([span(), elsewhere(configured('own'))]);
    expect(heard).toEqual(['span', 'elsewhere']);
  });
});
