import type { SpoolFacts } from '../../../shared/health-facts.ts';
import { type DropCause, dropCauses, type HourRow } from '../../../shared/ledger.ts';
import type { RepairReport } from '../../../shared/repair.ts';
import type { Clock } from '../clock.ts';

const hourMs = 60 * 60_000;
/** As long as any of it is worth telling. */
export const hoursRemembered = 7 * 24;

interface Drop {
  readonly cause: DropCause;
  readonly points: number;
  readonly since: number;
  /** The latest of those that this stands for. */
  readonly at: number;
}

/** What the relay itself gave up, beside what repairs of the spool have lost: those tell of it themselves. */
export class Drops {
  readonly #clock: Clock;
  #drops: readonly Drop[] = [];

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Many small drops of one cause are one entry per hour. */
  add(cause: DropCause, points: number): void {
    const now = this.#clock.now();
    const open = this.#drops.findLast((drop) => drop.cause === cause && now - drop.since < hourMs);
    this.#drops = [
      ...this.#drops.filter((drop) => drop !== open && now - drop.at < hoursRemembered * hourMs),
      { cause, points: points + (open?.points ?? 0), since: open?.since ?? now, at: now },
    ];
  }

  /** What happened before this start, and up to now. */
  recall(hours: readonly HourRow[], repairs: readonly RepairReport[]): void {
    const repaired = new Map<number, number>();
    for (const { at, lostPoints } of repairs) {
      const hour = Math.floor(at / hourMs) * hourMs;
      repaired.set(hour, (repaired.get(hour) ?? 0) + lostPoints);
    }
    const sums = new Map<string, Drop>();
    for (const { hour, dropped } of hours) {
      for (const cause of dropCauses) {
        const key = `${hour} ${cause}`;
        const points = dropped[cause] + (sums.get(key)?.points ?? 0);
        sums.set(key, { cause, points, since: hour, at: hour });
      }
    }
    this.#drops = [...sums.values()]
      .map((drop) =>
        drop.cause === 'corruption' ? { ...drop, points: drop.points - (repaired.get(drop.at) ?? 0) } : drop,
      )
      .filter(({ points }) => points > 0);
  }

  facts(): SpoolFacts['recentDrops'] {
    return this.#drops.map(({ at, cause, points }) => ({ at, cause, points }));
  }
}
