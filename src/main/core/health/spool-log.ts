import type { DropCause } from '../../../shared/ledger.ts';
import { BurstLog } from '../burst-log.ts';
import type { Clock } from '../clock.ts';
import type { Log, LogFields } from '../log.ts';
import type { SpoolBooks, SpoolEvent } from '../spool/spool.ts';

const quietMs = 60_000;

export interface SpoolLog {
  note(event: SpoolEvent): void;
  /** Writes what has not been written yet. */
  close(): void;
}

interface SpoolLogParts {
  readonly clock: Clock;
  readonly log: Log;
  readonly books: () => SpoolBooks;
}

/** The spool's events as lines of the log; what it drops is one line per cause and minute. */
export function createSpoolLog({ clock, log, books }: SpoolLogParts): SpoolLog {
  const drops = new BurstLog<DropCause, undefined>({
    clock,
    quietMs,
    // A person said so; every other cause is a loss.
    write: (cause, points) => log[cause === 'discarded' ? 'info' : 'warn']('spool dropped', { cause, points }),
  });
  let trouble = '';

  /** The spool tells of one trouble again with every attempt. */
  function once(words: string, write: () => void): void {
    if (trouble !== words) write();
    trouble = words;
  }

  return {
    close: () => drops.close(),
    note(event) {
      switch (event.kind) {
        case 'accepted':
        case 'owed':
          return;
        case 'renamed':
          return log.info('spool renamed', { from: event.from, to: event.to });
        case 'inherited':
          return log.info('spool handed over what was kept for nobody', { from: event.from, to: event.to });
        case 'dropped':
          return drops.note(event.cause, event.points, undefined);
        case 'ready':
          trouble = '';
          return log.info('spool ready');
        case 'repairing':
          return once(event.reason, () => log.warn('spool repairing', { reason: event.reason }));
        case 'repaired': {
          const { reason, salvagedRequests, lostPoints, estimated, keptIn } = event.report;
          trouble = '';
          return log.warn('spool repaired', {
            reason,
            salvagedRequests,
            lostPoints,
            estimated,
            keptIn: keptIn || null,
          });
        }
        case 'disk-full':
          return once(event.kind, () => log.error('spool disk-full', fullness(books())));
        case 'disk-ok':
          trouble = '';
          return log.info('spool disk-ok');
        case 'unavailable':
          return once(event.message, () => log.error('spool unavailable', { reason: event.message }));
      }
    },
  };
}

function fullness({ usedBytes, pending }: SpoolBooks): LogFields {
  return { usedBytes, waitingPoints: pending.reduce((sum, { points }) => sum + points, 0) };
}
