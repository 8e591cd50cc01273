import type { Signal } from '../../../shared/signal.ts';
import type { Clock } from '../clock.ts';

/** That a destination has taken a credential. `fingerprint` stands for the value, `lastWorkedAt` is wall time in milliseconds. */
export interface WorkedCredential {
  readonly destination: string;
  readonly fingerprint: string;
  readonly lastWorkedAt: number;
}

/** What one destination thinks of one credential, as far as one signal goes. Wall times in milliseconds. */
export interface CredentialOpinion {
  /** For whichever signal. */
  readonly lastWorkedAt: number | null;
  /** Since when it refuses it for this signal; null while it does not. */
  readonly refusedAt: number | null;
  /** The signals that it has taken with it since. */
  readonly worksFor: readonly Signal[];
}

/** `first`: it never worked here before, or was refused last. */
export type WorkedNews = 'first' | 'again';

interface Entry {
  readonly destination: string;
  readonly fingerprint: string;
  lastWorkedAt: number | null;
  readonly worked: Map<Signal, number>;
  readonly refused: Map<Signal, { readonly since: number; readonly lastMs: number }>;
}

/**
 * A refusal is a word about that hour: a value of a higher source that was refused is tried again now and then, although a
 * lower one works. It costs one request, and nothing is lost by it.
 */
const refusalHoldsMs = 60 * 60_000;

/** Far more than the destinations and values of one machine; bounds what made-up tokens can make us remember. */
const maxEntries = 200;

/** What each destination has said of each credential that it was given. By signal, because a token can have rights to some only. */
export class CredentialHistory {
  readonly #clock: Clock;
  readonly #entries = new Map<string, Entry>();

  constructor(clock: Clock, before: readonly WorkedCredential[]) {
    this.#clock = clock;
    for (const { destination, fingerprint, lastWorkedAt } of before) {
      this.#entry(destination, fingerprint).lastWorkedAt = lastWorkedAt;
    }
  }

  worked(destination: string, signal: Signal, fingerprint: string): WorkedNews {
    const entry = this.#entry(destination, fingerprint);
    const isFirst = entry.lastWorkedAt === null || entry.refused.has(signal);
    entry.lastWorkedAt = this.#clock.now();
    entry.worked.set(signal, entry.lastWorkedAt);
    entry.refused.delete(signal);
    return isFirst ? 'first' : 'again';
  }

  refused(destination: string, signal: Signal, fingerprint: string): void {
    const entry = this.#entry(destination, fingerprint);
    const since = entry.refused.get(signal)?.since ?? this.#clock.now();
    entry.refused.set(signal, { since, lastMs: this.#clock.monotonicMs() });
  }

  /** Whether the destination has refused it lately, and not taken it since. */
  isRefused(destination: string, signal: Signal, fingerprint: string): boolean {
    const refusal = this.#entries.get(keyOf(destination, fingerprint))?.refused.get(signal);
    return refusal !== undefined && this.#clock.monotonicMs() - refusal.lastMs < refusalHoldsMs;
  }

  opinion(destination: string, signal: Signal, fingerprint: string): CredentialOpinion {
    const entry = this.#entries.get(keyOf(destination, fingerprint));
    const refusedAt = entry?.refused.get(signal)?.since ?? null;
    const taken = refusedAt === null ? [] : [...(entry?.worked ?? [])].filter(([, at]) => at > refusedAt);
    return { lastWorkedAt: entry?.lastWorkedAt ?? null, refusedAt, worksFor: taken.map(([other]) => other) };
  }

  /** The destination is configured anew: what it refused before says nothing any more. */
  forgetRefusals(destination: string): void {
    for (const entry of this.#entries.values()) {
      if (entry.destination === destination) entry.refused.clear();
    }
  }

  /** What is worth keeping for the next run. */
  kept(): readonly WorkedCredential[] {
    return [...this.#entries.values()].flatMap(({ destination, fingerprint, lastWorkedAt }) =>
      lastWorkedAt === null ? [] : [{ destination, fingerprint, lastWorkedAt }],
    );
  }

  #entry(destination: string, fingerprint: string): Entry {
    const key = keyOf(destination, fingerprint);
    const known = this.#entries.get(key);
    if (known !== undefined) return known;
    if (this.#entries.size >= maxEntries) this.#makeRoom();
    const entry: Entry = { destination, fingerprint, lastWorkedAt: null, worked: new Map(), refused: new Map() };
    this.#entries.set(key, entry);
    return entry;
  }

  /** What never worked goes first, then what has not worked for the longest. */
  #makeRoom(): void {
    const [victim] = [...this.#entries].sort(([, a], [, b]) => (a.lastWorkedAt ?? 0) - (b.lastWorkedAt ?? 0));
    if (victim !== undefined) this.#entries.delete(victim[0]);
  }
}

function keyOf(destination: string, fingerprint: string): string {
  return `${destination}\n${fingerprint}`;
}
