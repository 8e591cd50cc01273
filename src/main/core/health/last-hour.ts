import type { Clock } from '../clock.ts';

const minuteMs = 60_000;

/** Counts what happened in the last hour, to the minute, whatever happens to the wall clock. */
export class LastHour {
  readonly #clock: Clock;
  readonly #byMinute = new Map<number, number>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  add(count: number): void {
    const minute = this.#minute();
    this.#byMinute.set(minute, (this.#byMinute.get(minute) ?? 0) + count);
    for (const old of this.#byMinute.keys()) if (old <= minute - 60) this.#byMinute.delete(old);
  }

  total(): number {
    const oldest = this.#minute() - 60;
    return [...this.#byMinute].reduce((sum, [minute, count]) => (minute > oldest ? sum + count : sum), 0);
  }

  #minute(): number {
    return Math.floor(this.#clock.monotonicMs() / minuteMs);
  }
}
