import type { Clock } from '../clock.ts';

/** What may end a wait early: only a wake-up, or new work as well. */
export type WakeOn = 'wake' | 'work';

/** What a loop sleeps on: a timer that can be rung early. One wait at a time. */
export class Alarm {
  readonly #clock: Clock;
  #waiting: { readonly wakeOn: WakeOn; readonly done: () => void } | undefined;
  #workMissed = false;
  #closed = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Resolves after `delayMs` of monotonic time (never, when left out), or when it is rung for. */
  wait(wakeOn: WakeOn, delayMs?: number): Promise<void> {
    if (this.#closed || (wakeOn === 'work' && this.#workMissed)) return Promise.resolve();
    return new Promise((resolve) => {
      const done = () => {
        cancelTimer?.();
        this.#waiting = undefined;
        resolve();
      };
      this.#waiting = { wakeOn, done };
      const cancelTimer = delayMs === undefined ? undefined : this.#clock.after(delayMs, done);
    });
  }

  /** Call before looking for work: work that is announced from here on ends the next wait for it. */
  expectWork(): void {
    this.#workMissed = false;
  }

  ring(reason: WakeOn): void {
    if (reason === 'work') this.#workMissed = true;
    if (reason === 'wake' || this.#waiting?.wakeOn === 'work') this.#waiting?.done();
  }

  /** Ends every wait, now and from now on. */
  close(): void {
    this.#closed = true;
    this.#waiting?.done();
  }
}
