import type { Clock } from './clock.ts';

export interface BurstLogOptions<Kind, Details> {
  readonly clock: Clock;
  /** For how long more of the same kind is held back, and then written as one. */
  readonly quietMs: number;
  readonly write: (kind: Kind, count: number, details: Details) => void;
}

/** Keeps a log short: the first of a kind is written at once, what follows within `quietMs` as one with the sum of its counts. */
export class BurstLog<Kind, Details> {
  readonly #options: BurstLogOptions<Kind, Details>;
  readonly #open = new Map<Kind, { unwritten: number; details: Details; cancel: () => void }>();

  constructor(options: BurstLogOptions<Kind, Details>) {
    this.#options = options;
  }

  note(kind: Kind, count: number, details: Details): void {
    const open = this.#open.get(kind);
    if (open) {
      open.unwritten += count;
      open.details = details;
      return;
    }
    this.#options.write(kind, count, details);
    this.#watch(kind, details);
  }

  /** Writes what has not been written yet. */
  close(): void {
    for (const [kind, { unwritten, details, cancel }] of this.#open) {
      cancel();
      if (unwritten > 0) this.#options.write(kind, unwritten, details);
    }
    this.#open.clear();
  }

  #watch(kind: Kind, details: Details): void {
    const cancel = this.#options.clock.after(this.#options.quietMs, () => {
      const open = this.#open.get(kind);
      this.#open.delete(kind);
      if (!open || open.unwritten === 0) return;
      this.#options.write(kind, open.unwritten, open.details);
      this.#watch(kind, open.details);
    });
    this.#open.set(kind, { unwritten: 0, details, cancel });
  }
}
