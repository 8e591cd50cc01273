import { signals } from '../../../shared/signal.ts';
import type { BooksFrame } from './protocol.ts';
import type { SpoolBooks } from './spool.ts';

const numbersPerRow = 14;
const nothing = -1;

/** Turns books into frames for the other thread; remembers which names it has sent. */
export function createFrameWriter(): (books: SpoolBooks) => BooksFrame {
  let sent = '';
  return ({ ledger, pending, quarantined, usedBytes }) => {
    const numbers = new Float64Array(ledger.length * numbersPerRow);
    for (const [at, row] of ledger.entries()) {
      const level = pending[at];
      const { dropped } = row;
      const values = [row.accepted, row.delivered, row.pending, row.rejected, row.refused, row.resent];
      const drops = [dropped.quota, dropped.age, dropped.corruption, dropped.discarded];
      numbers.set(
        [
          ...values,
          ...drops,
          level?.requests ?? 0,
          level?.bytes ?? 0,
          level?.oldestAt ?? nothing,
          level?.lastDeliveredAt ?? nothing,
        ],
        at * numbersPerRow,
      );
    }
    const names = ledger.map(({ destination, signal }) => `${destination} ${signal}`).join();
    const frame = { numbers, quarantined, usedBytes };
    if (names === sent) return frame;
    sent = names;
    return {
      ...frame,
      rows: ledger.map(({ destination, signal }) => ({ destination, signal: signals.indexOf(signal) })),
    };
  };
}

/** The other side: keeps the names and gives the books of the newest frame. */
export function createFrameReader(): { take(frame: BooksFrame): void; books(): SpoolBooks } {
  let rows: NonNullable<BooksFrame['rows']> = [];
  let frame: BooksFrame = { numbers: new Float64Array(), quarantined: [], usedBytes: 0 };
  let read: SpoolBooks | undefined;
  return {
    take(newest) {
      rows = newest.rows ?? rows;
      frame = newest;
      read = undefined;
    },
    books() {
      read ??= toBooks(rows, frame);
      return read;
    },
  };
}

function toBooks(rows: NonNullable<BooksFrame['rows']>, { numbers, quarantined, usedBytes }: BooksFrame): SpoolBooks {
  const read = rows.map(({ destination, signal }, at) => {
    const name = signals[signal] ?? 'metrics';
    const n = (index: number) => numbers[at * numbersPerRow + index] ?? 0;
    const pending = n(2);
    const time = (index: number) => (n(index) === nothing ? null : n(index));
    return {
      ledger: {
        destination,
        signal: name,
        accepted: n(0),
        delivered: n(1),
        pending,
        rejected: n(3),
        dropped: { quota: n(6), age: n(7), corruption: n(8), discarded: n(9) },
        refused: n(4),
        resent: n(5),
      },
      level: {
        destination,
        signal: name,
        requests: n(10),
        points: pending,
        bytes: n(11),
        oldestAt: time(12),
        lastDeliveredAt: time(13),
      },
    };
  });
  return { ledger: read.map(({ ledger }) => ledger), pending: read.map(({ level }) => level), quarantined, usedBytes };
}
