import type { Verdict } from './classify.ts';

const maxFactor = 4;

/** A destination that always takes longer than the time-out would get the same data again and again: wait longer for it. */
export class Patience {
  /** By how much the time-out is longer than configured. */
  factor = 1;

  /** `inTime`: the answer came within the time-out as configured. */
  learn(verdict: Verdict, inTime: boolean): void {
    if (verdict.kind === 'retry' && verdict.possiblySent && verdict.error.kind === 'timeout') {
      this.factor = Math.min(this.factor * 2, maxFactor);
    } else if (verdict.kind === 'delivered' && inTime) {
      this.factor = 1;
    }
  }
}
