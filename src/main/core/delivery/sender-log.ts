import type { DeliveryError, DestinationState } from '../../../shared/health.ts';
import type { Signal } from '../../../shared/signal.ts';
import type { Log, LogFields } from '../log.ts';

/** What the log says of one signal's delivery: when something becomes different, not that it goes on. */
export class SenderLog {
  readonly #log: Log;
  readonly #about: { readonly destination: string; readonly signal: Signal };
  #last = 'ok';

  constructor(log: Log, about: { readonly destination: string; readonly signal: Signal }) {
    this.#log = log;
    this.#about = about;
  }

  became(state: DestinationState, error: DeliveryError | null): void {
    // The message may quote the destination, which may quote the payload: only our own words go into the log.
    const { kind, status, grpcStatus } = error ?? {};
    const cause = [state, kind, grpcStatus ?? status].join(' ').trimEnd();
    if (this.#last !== cause)
      this.note(state === 'ok' ? 'info' : 'warn', `delivery ${state}`, { kind, status, grpcStatus });
    this.#last = cause;
  }

  note(level: 'info' | 'warn' | 'error', message: string, fields: LogFields): void {
    this.#log[level](message, { ...this.#about, ...fields });
  }
}
