import type { Signal } from '../../../shared/signal.ts';
import type { Clock } from '../clock.ts';
import type { Log } from '../log.ts';
import type { Refusal, RefusalReason } from './refusal.ts';

const quietMs = 10_000;

/** Logs refused requests: the first of a reason at once, the ones that follow within ten seconds as one line with their number. */
export class RefusalLog {
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #open = new Map<
    RefusalReason,
    { unlogged: number; status: number; signal: Signal | undefined; cancel: () => void }
  >();

  constructor(options: { clock: Clock; log: Log }) {
    this.#clock = options.clock;
    this.#log = options.log;
  }

  /** Only the reason goes into the log: messages can name parts of a payload. */
  note({ reason, status }: Refusal, signal: Signal | undefined): void {
    const open = this.#open.get(reason);
    if (open) {
      open.unlogged++;
      open.status = status;
      open.signal = signal;
      return;
    }
    this.#write(reason, status, signal, 1);
    this.#watch(reason, status, signal);
  }

  /** Writes what has not been written yet. */
  close(): void {
    for (const [reason, { unlogged, status, signal, cancel }] of this.#open) {
      cancel();
      if (unlogged > 0) this.#write(reason, status, signal, unlogged);
    }
    this.#open.clear();
  }

  #watch(reason: RefusalReason, status: number, signal: Signal | undefined): void {
    const cancel = this.#clock.after(quietMs, () => {
      const open = this.#open.get(reason);
      this.#open.delete(reason);
      if (!open || open.unlogged === 0) return;
      this.#write(reason, open.status, open.signal, open.unlogged);
      this.#watch(reason, open.status, open.signal);
    });
    this.#open.set(reason, { unlogged: 0, status, signal, cancel });
  }

  #write(reason: RefusalReason, status: number, signal: Signal | undefined, count: number): void {
    this.#log.warn('receiver: refused', { reason, status, signal, count });
  }
}
