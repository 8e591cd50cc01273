import type { Signal } from '../../../shared/signal.ts';
import { BurstLog } from '../burst-log.ts';
import type { Clock } from '../clock.ts';
import type { Log } from '../log.ts';
import type { Refusal, RefusalReason } from './refusal.ts';

const quietMs = 10_000;

/** Logs refused requests: the first of a reason at once, the ones that follow within ten seconds as one line with their number. */
export class RefusalLog {
  readonly #lines: BurstLog<RefusalReason, { readonly status: number; readonly signal: Signal | undefined }>;

  constructor({ clock, log }: { clock: Clock; log: Log }) {
    this.#lines = new BurstLog({
      clock,
      quietMs,
      write: (reason, count, { status, signal }) => log.warn('receiver: refused', { reason, status, signal, count }),
    });
  }

  /** Only the reason goes into the log: messages can name parts of a payload. */
  note({ reason, status }: Refusal, signal: Signal | undefined): void {
    this.#lines.note(reason, 1, { status, signal });
  }

  /** Writes what has not been written yet. */
  close(): void {
    this.#lines.close();
  }
}
