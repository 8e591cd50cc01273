import type { Clock } from '../clock.ts';
import { isSendable } from '../secrets/token.ts';

/** A credential value that Claude Code put into one of its requests. */
export interface PresentedCredential {
  /** The header's name in lower case. */
  readonly header: string;
  readonly value: string;
  /** Wall time in milliseconds when it was first seen. */
  readonly seenAt: number;
  /** A destination has taken it. */
  readonly worked: boolean;
}

/**
 * Several values are kept per header, because sessions that started before a token was rotated keep presenting the old one:
 * the new one must stay in use. A handful is plenty, and bounds what a stranger on this machine can make us remember.
 */
const maxPresentedPerHeader = 5;

/** What Claude Code has presented, the last first. */
export class PresentedCredentials {
  readonly #clock: Clock;
  #entries: readonly PresentedCredential[];

  constructor(clock: Clock, before: readonly PresentedCredential[]) {
    this.#clock = clock;
    this.#entries = before;
  }

  get all(): readonly PresentedCredential[] {
    return this.#entries;
  }

  /** The values of one header, given in lower case. */
  of(header: string): readonly string[] {
    return this.#entries.filter((entry) => entry.header === header).map(({ value }) => value);
  }

  /** True when the value was not known. `header` is in lower case. */
  present(header: string, value: string): boolean {
    // One that cannot be sent would be refused by nobody, and stay the first to be tried.
    if (!isSendable(value)) return false;
    const latest = this.#entries.find((entry) => entry.header === header);
    if (latest?.value === value) return false;
    const known = this.#entries.find((entry) => entry.header === header && entry.value === value);
    const entry = known ?? { header, value, seenAt: this.#clock.now(), worked: false };
    this.#entries = bounded([entry, ...this.#entries.filter((other) => other !== known)], header);
    return known === undefined;
  }

  /** A destination has taken the value. */
  worked(header: string, value: string): void {
    this.#entries = this.#entries.map((entry) =>
      entry.header === header && entry.value === value ? { ...entry, worked: true } : entry,
    );
  }
}

/** Drops the oldest value of this header that never worked, or just the oldest, when there are too many. */
function bounded(entries: readonly PresentedCredential[], header: string): readonly PresentedCredential[] {
  const [, ...older] = entries.filter((entry) => entry.header === header);
  if (older.length < maxPresentedPerHeader) return entries;
  const victim = older.findLast((entry) => !entry.worked) ?? older.at(-1);
  return entries.filter((entry) => entry !== victim);
}
