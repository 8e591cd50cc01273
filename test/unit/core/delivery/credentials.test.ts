import { describe, expect, it } from 'vitest';
import { createCredentials, type PresentedCredential } from '../../../../src/main/core/delivery/credentials.ts';
import { type Destination, heldDestination } from '../../../../src/main/core/delivery/destination.ts';
import { silentLog } from '../../../../src/main/core/log.ts';
import { handClock } from '../../../support/hand-clock.ts';

function span(token?: string): Destination {
  return {
    ...heldDestination('span', ['metrics']),
    endpoint: 'https://otel.span.app:443',
    headers: { 'x-team': 'blue' },
    credential: { header: 'X-Span-Token', tokens: token === undefined ? [] : [{ source: 'config', token }] },
  };
}

async function credentials(stored: readonly PresentedCredential[] = []) {
  const saves: (readonly PresentedCredential[])[] = [];
  const subject = await createCredentials({
    load: async () => stored,
    save: async (presented) => void saves.push(presented),
    clock: handClock(0),
    log: silentLog,
  });
  const valueFor = (destination: Destination) => subject.resolve(destination).headers['X-Span-Token'];
  return { subject, saves, valueFor };
}

describe('which credential is used', () => {
  it('the token of the config comes first', async () => {
    const { subject } = await credentials();
    subject.present('X-Span-Token', 'presented');
    expect(subject.resolve(span('configured'))).toMatchObject({
      headers: { 'x-team': 'blue', 'X-Span-Token': 'configured' },
      source: 'config',
      refused: false,
    });
  });

  it('without one, the last that was presented, whatever the case of its header', async () => {
    const { subject, valueFor } = await credentials();
    subject.present('x-span-token', 'old');
    subject.present('X-SPAN-TOKEN', 'new');
    subject.present('authorization', 'other');
    expect(valueFor(span())).toBe('new');
    expect(subject.resolve(span()).source).toBe('presented');
  });

  it('none where none is known, or none is named', async () => {
    const { subject } = await credentials();
    const { credential: _, ...plain } = span();
    subject.present('authorization', 'other');
    expect(subject.resolve(span())).toMatchObject({ source: 'none', fingerprint: '', headers: { 'x-team': 'blue' } });
    expect(subject.resolve(plain)).toMatchObject({ source: 'none', headers: { 'x-team': 'blue' } });
  });

  it('a refused token of the config gives way to a presented one', async () => {
    const { subject, valueFor } = await credentials();
    subject.present('x-span-token', 'presented');
    subject.refused('span', subject.resolve(span('configured')).fingerprint);
    expect(valueFor(span('configured'))).toBe('presented');
  });

  it('a refused value stays for probing only where there is no other', async () => {
    const { subject, valueFor } = await credentials();
    subject.present('x-span-token', 'only');
    subject.refused('span', subject.resolve(span()).fingerprint);
    expect(subject.resolve(span())).toMatchObject({ refused: true });
    expect(valueFor(span())).toBe('only');
  });

  it('a refusal counts for the destination that refused, and until it takes the value', async () => {
    const { subject } = await credentials();
    subject.present('x-span-token', 'only');
    const { fingerprint } = subject.resolve(span());
    subject.refused('span', fingerprint);
    expect(subject.resolve({ ...span(), name: 'other' }).refused).toBe(false);
    subject.worked('span', fingerprint);
    expect(subject.resolve(span()).refused).toBe(false);
  });

  it('an old session that keeps presenting a refused token does not push the good one aside', async () => {
    const { subject, valueFor } = await credentials();
    subject.present('x-span-token', 'rotated away');
    subject.refused('span', subject.resolve(span()).fingerprint);
    subject.present('x-span-token', 'current');
    subject.present('x-span-token', 'rotated away');
    expect(valueFor(span())).toBe('current');
  });

  it('a flood of made-up tokens does not push one aside that worked', async () => {
    const { subject, valueFor } = await credentials();
    subject.present('x-span-token', 'good');
    subject.worked('span', subject.resolve(span()).fingerprint);
    for (let n = 0; n < 50; n++) {
      subject.present('x-span-token', `made up ${n}`);
      subject.refused('span', subject.resolve(span()).fingerprint);
    }
    expect(valueFor(span())).toBe('good');
  });

  it('ignores values that are no tokens', async () => {
    const { subject, saves } = await credentials();
    subject.present('x-span-token', '');
    subject.present('x-span-token', 'x'.repeat(10_000));
    await subject.saved();
    expect(saves).toEqual([]);
  });
});

describe('what is remembered', () => {
  it('is saved when it changes, and only then', async () => {
    const { subject, saves } = await credentials();
    for (const value of ['a', 'a', 'b', 'a', 'b', 'b']) subject.present('x-span-token', value);
    await subject.saved();
    expect(saves.map((save) => save.map(({ value }) => value))).toEqual([['a'], ['b', 'a']]);
  });

  it('serves again after a restart', async () => {
    const { valueFor } = await credentials([{ header: 'x-span-token', value: 'kept', seenAt: 1, worked: true }]);
    expect(valueFor(span())).toBe('kept');
  });

  it('outlives a file that cannot be written, and no value gets into the log', async () => {
    const lines: unknown[] = [];
    const note = (...entry: unknown[]) => void lines.push(entry);
    const subject = await createCredentials({
      load: async () => [],
      save: () => Promise.reject(new Error('tok-canary could not be written')),
      clock: handClock(0),
      log: { info: note, warn: note, error: note },
    });
    subject.present('x-span-token', 'tok-canary');
    await subject.saved();
    expect(lines).toHaveLength(1);
    expect(JSON.stringify(lines)).not.toContain('tok-canary');
    expect(subject.resolve(span()).source).toBe('presented');
  });
});

it('tells of a value that was not known, by its header, until one does not listen any more', async () => {
  const { subject } = await credentials();
  const heard: string[] = [];
  const cancel = subject.onChanged((header) => heard.push(header));
  for (const value of ['a', 'a', 'b', 'a']) subject.present('X-Span-Token', value);
  cancel();
  subject.present('x-span-token', 'c');
  expect(heard).toEqual(['x-span-token', 'x-span-token']);
});
