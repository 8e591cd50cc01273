import { describe, expect, test } from 'vitest';
import { balanceOf, balanceWords, booksBySignal, type Counted } from '../../../src/main/cli/demo/balance.ts';
import { type Books, emptyBooks } from '../../../src/shared/ledger.ts';

const points = { metrics: 70, logs: 35, traces: 8 };

const delivered = (count: number): Books => ({ ...emptyBooks, accepted: count, delivered: count });

const allWell: Counted = {
  exported: points,
  acknowledged: points,
  books: { metrics: delivered(70), logs: delivered(35), traces: delivered(8) },
  arrived: points,
  recount: [],
};

function withMetrics(books: Partial<Books>, other: Partial<Counted> = {}): Counted {
  return { ...allWell, ...other, books: { ...allWell.books, metrics: { ...allWell.books.metrics, ...books } } };
}

describe('the books balance', () => {
  test('when what was exported is what arrived', () => {
    expect(balanceWords(balanceOf(allWell))).toEqual([
      'The books balance. Span was down, and nothing is lost.',
      'exported 113 = acknowledged 113 = accepted 113 = arrived 113, lost 0',
    ]);
  });

  test('when what was sent again arrived twice', () => {
    const counted = withMetrics({ resent: 7 }, { arrived: { ...points, metrics: 77 } });
    expect(balanceWords(balanceOf(counted))).toEqual([
      'The books balance. Span was down, and nothing is lost.',
      'exported 113 = acknowledged 113 = accepted 113 = arrived 113, lost 0',
      '7 points were sent again after a broken connection; 7 arrived twice.',
    ]);
  });
});

describe('the books do not balance', () => {
  test('when something was not acknowledged', () => {
    const counted = { ...allWell, exported: { ...points, logs: 42 } };
    expect(balanceOf(counted)).toMatchObject({ lost: 0, problems: ['logs: 42 exported, but 35 acknowledged'] });
  });

  test('when something is still on disk, which is not lost', () => {
    const counted = withMetrics({ delivered: 63, pending: 7 }, { arrived: { ...points, metrics: 63 } });
    expect(balanceOf(counted)).toMatchObject({ lost: 0, problems: ['metrics: 7 points still on disk'] });
  });

  test('when something was dropped, which is lost', () => {
    const dropped = { ...emptyBooks.dropped, age: 1 };
    const counted = withMetrics({ delivered: 69, dropped }, { arrived: { ...points, metrics: 69 } });
    expect(balanceOf(counted)).toMatchObject({ lost: 1, problems: ['metrics: 1 point dropped'] });
  });

  test('when the books say more than has arrived, though another signal arrived twice', () => {
    const counted: Counted = { ...allWell, arrived: { ...points, metrics: 63, logs: 42 } };
    const balance = balanceOf(counted);
    expect(balance).toMatchObject({ lost: 7, arrived: 113 });
    expect(balanceWords(balance)).toEqual([
      'The books do not balance.',
      'exported 113, acknowledged 113, accepted 113, arrived 106, lost 7',
      'metrics: 70 delivered, but 63 arrived',
      'logs: 42 arrived, but 35 delivered',
    ]);
  });

  test('when the recount says so', () => {
    expect(balanceOf({ ...allWell, recount: ['span metrics: 1 off'] }).problems).toEqual(['span metrics: 1 off']);
  });
});

test('a signal that is not in the ledger yet has zeros', () => {
  const rows = [{ ...delivered(2), destination: 'span', signal: 'traces' as const }];
  expect(booksBySignal(rows)).toMatchObject({ metrics: emptyBooks, logs: emptyBooks, traces: { accepted: 2 } });
});
