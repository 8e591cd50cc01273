import type { DeliveryError, DestinationState } from '../../../shared/health.ts';
import type { Signal } from '../../../shared/signal.ts';
import type { Clock } from '../clock.ts';
import type { SignalFacts } from './facts.ts';

/** What a sender knows by itself. */
export type StandingFacts = Omit<SignalFacts, 'credential' | 'refusedCredentials'>;

/** What outlives a change of the destination's config. */
export type SenderHistory = Pick<SignalFacts, 'lastSuccessAt' | 'lastPartialSuccess' | 'lastWarning'>;

/** How delivery of one signal to one destination stands, kept for people to see. */
export class Standing {
  readonly #clock: Clock;
  readonly #signal: Signal;
  #state: DestinationState = 'ok';
  #lastSuccessAt: number | null;
  #lastPartialSuccess: SignalFacts['lastPartialSuccess'];
  #lastWarning: SignalFacts['lastWarning'];
  #lastAttemptAt: number | null = null;
  #lastError: DeliveryError | null = null;
  #retryingSinceAt: number | null = null;
  /** On the monotonic clock, so that it moves along when the wall clock is set. */
  #nextAttemptMs: number | undefined;

  constructor(clock: Clock, signal: Signal, history: SenderHistory | undefined) {
    this.#clock = clock;
    this.#signal = signal;
    this.#lastSuccessAt = history?.lastSuccessAt ?? null;
    this.#lastPartialSuccess = history?.lastPartialSuccess ?? null;
    this.#lastWarning = history?.lastWarning ?? null;
  }

  get state(): DestinationState {
    return this.#state;
  }

  attempted(): void {
    this.#lastAttemptAt = this.#clock.now();
  }

  /** The wait for the next attempt is over, in time or early. */
  waited(): void {
    this.#nextAttemptMs = undefined;
  }

  /** `message`: what the destination said with it; empty where it said nothing. */
  delivered(rejectedPoints: number, message: string): void {
    const at = this.#clock.now();
    this.#lastSuccessAt = at;
    if (rejectedPoints > 0) this.#lastPartialSuccess = { at, points: rejectedPoints, message };
    else if (message !== '') this.#lastWarning = { at, message };
  }

  /** `nextAttemptInMs`: when the next attempt is due, where one is planned. */
  become(state: DestinationState, error: DeliveryError | null, nextAttemptInMs?: number): void {
    this.#state = state;
    this.#lastError = error;
    this.#nextAttemptMs = nextAttemptInMs === undefined ? undefined : this.#clock.monotonicMs() + nextAttemptInMs;
    if (state === 'ok' || state === 'unconfigured') this.#retryingSinceAt = null;
    else this.#retryingSinceAt ??= this.#clock.now();
  }

  facts(): StandingFacts {
    const due = this.#nextAttemptMs;
    return {
      signal: this.#signal,
      state: this.#state,
      lastSuccessAt: this.#lastSuccessAt,
      lastAttemptAt: this.#lastAttemptAt,
      lastError: this.#lastError,
      nextAttemptAt: due === undefined ? null : this.#clock.now() + Math.max(0, due - this.#clock.monotonicMs()),
      retryingSinceAt: this.#retryingSinceAt,
      lastPartialSuccess: this.#lastPartialSuccess,
      lastWarning: this.#lastWarning,
    };
  }
}
