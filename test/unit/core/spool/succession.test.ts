import { describe, expect, test } from 'vitest';
import { type Predecessors, successions } from '../../../../src/main/core/spool/succession.ts';
import { signals } from '../../../../src/shared/signal.ts';

/** Entries as `new<old`, or a name alone. */
function configured(...entries: readonly string[]) {
  return entries.map((entry) => {
    const [name = '', formerly] = entry.split('<');
    return formerly === undefined ? { name, signals } : { name, formerly, signals };
  });
}

function inSpool(names: readonly string[], more: Partial<Predecessors> = {}): Predecessors {
  return { names, hasBooks: () => true, placeholder: undefined, ...more };
}

describe('a destination that was renamed', () => {
  test('takes over the books of the name that it had', () => {
    expect(successions(configured('new<old'), inSpool(['old']))).toEqual([{ from: 'old', to: 'new' }]);
  });

  test('leaves everything as it is once that is done', () => {
    expect(successions(configured('new<old'), inSpool(['new']))).toEqual([]);
  });

  test('keeps the books that it has begun', () => {
    expect(successions(configured('new<old'), inSpool(['old', 'new']))).toEqual([]);
  });

  test('takes them over too when it is known and nothing was booked for it yet', () => {
    const hasBooks = (name: string) => name !== 'new';
    expect(successions(configured('new<old'), inSpool(['old', 'new'], { hasBooks }))).toEqual([
      { from: 'old', to: 'new' },
    ]);
  });

  test('takes nothing from a destination that is configured itself, in whatever letter case', () => {
    expect(successions(configured('new<old', 'old'), inSpool(['old']))).toEqual([]);
    expect(successions(configured('OLD', 'new<old'), inSpool(['old']))).toEqual([{ from: 'old', to: 'OLD' }]);
  });

  test('takes nothing from a name that nobody knows', () => {
    expect(successions(configured('new<older'), inSpool(['old']))).toEqual([]);
  });

  test('two that claim the same name: the first one has it', () => {
    expect(successions(configured('a<old', 'b<old'), inSpool(['old']))).toEqual([{ from: 'old', to: 'a' }]);
  });

  test('two that change their names with each other keep their own books', () => {
    expect(successions(configured('a<b', 'b<a'), inSpool(['a', 'b']))).toEqual([]);
  });
});

describe('letter case', () => {
  test('is no difference between destinations', () => {
    expect(successions(configured('Span'), inSpool(['span']))).toEqual([{ from: 'span', to: 'Span' }]);
    expect(successions(configured('new<OLD'), inSpool(['old']))).toEqual([{ from: 'old', to: 'new' }]);
  });

  test('decides between two that the spool has', () => {
    expect(successions(configured('new<Old'), inSpool(['old', 'Old']))).toEqual([{ from: 'Old', to: 'new' }]);
    expect(successions(configured('Old'), inSpool(['old', 'Old']))).toEqual([]);
  });
});

describe('what was kept for nobody in particular', () => {
  test('goes to the first destination that is new', () => {
    const spool = inSpool(['known', 'span'], { placeholder: 'span' });
    expect(successions(configured('known', 'a', 'b'), spool)).toEqual([{ from: 'span', to: 'a' }]);
  });

  test('does not go to one that has taken over other books', () => {
    const spool = inSpool(['old', 'span'], { placeholder: 'span' });
    expect(successions(configured('new<old', 'other'), spool)).toEqual([
      { from: 'old', to: 'new' },
      { from: 'span', to: 'other' },
    ]);
  });

  test('goes to the first one where all have books, into its own', () => {
    const spool = inSpool(['a', 'b', 'span'], { placeholder: 'span' });
    expect(successions(configured('b', 'a'), spool)).toEqual([{ from: 'span', to: 'b', only: 'kept' }]);
  });

  test('leaves behind what its name has of its own', () => {
    const spool = inSpool(['span'], { placeholder: 'span', isMixed: true });
    expect(successions(configured('a'), spool)).toEqual([{ from: 'span', to: 'a', only: 'kept' }]);
  });

  test('stays while nothing is configured, and with its name', () => {
    const spool = inSpool(['span'], { placeholder: 'span' });
    expect(successions([], spool)).toEqual([]);
    expect(successions([{ name: 'span', signals, placeholder: true }], spool)).toEqual([]);
    expect(successions(configured('a', 'span'), spool)).toEqual([]);
  });

  test('can be claimed by its name', () => {
    const spool = inSpool(['span'], { placeholder: 'span' });
    expect(successions(configured('a', 'b<span'), spool)).toEqual([{ from: 'span', to: 'b' }]);
  });
});
