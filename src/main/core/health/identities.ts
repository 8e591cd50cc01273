import type { IdentityFacts, IdentityPlaceholderFacts } from '../../../shared/attribution.ts';
import { type Signal, signals } from '../../../shared/signal.ts';
import type { Clock } from '../clock.ts';
import { identityOf, identityPlaceholderOf, isTest } from '../otlp/attributes.ts';
import type { IncomingRequest } from '../spool/spool.ts';
import { LastHour } from './last-hour.ts';

/** What a request lacks to be attributed to a person. */
export interface IdentityGap {
  readonly signal: Signal;
  readonly points: number;
  /** Undefined where there is nothing that looks like an identity. */
  readonly placeholder: Pick<IdentityPlaceholderFacts, 'key' | 'placeholder'> | undefined;
}

interface Counted extends IdentityGap {
  readonly count: LastHour;
}

/** Counts the telemetry of the last hour that vendors could not attribute to anybody as it came. */
export class Identities {
  readonly #clock: Clock;
  /** By signal and the attribute that holds a placeholder: not by what placeholder, for there may be any number. */
  readonly #counted = new Map<string, Counted>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /**
   * Looks for what is wrong with the identity in a request; undefined where nothing is. Traces are not looked at: vendors that
   * attribute by e-mail address do so with metrics, or with metrics and logs. Microseconds; needs the body as it was accepted.
   */
  static gapIn({ signal, points, body }: IncomingRequest): IdentityGap | undefined {
    if (signal === 'traces' || points === 0) return undefined;
    const identity = identityOf(signal, body);
    if (identity === 'usable' || isTest(signal, body)) return undefined;
    return { signal, points, placeholder: identity === 'none' ? undefined : identityPlaceholderOf(signal, body) };
  }

  add(gap: IdentityGap): void {
    const id = `${gap.signal} ${gap.placeholder?.key}`;
    const count = this.#counted.get(id)?.count ?? new LastHour(this.#clock);
    count.add(gap.points);
    this.#counted.set(id, { ...gap, count });
  }

  facts(): IdentityFacts {
    const counted = [...this.#counted.values()]
      .map(({ count, ...gap }) => ({ ...gap, points: count.total() }))
      .filter(({ points }) => points > 0)
      .sort((a, b) => signals.indexOf(a.signal) - signals.indexOf(b.signal));
    return {
      none: counted.flatMap(({ signal, points, placeholder }) => (placeholder ? [] : [{ signal, points }])),
      placeholders: counted.flatMap(({ signal, points, placeholder }) =>
        placeholder ? [{ signal, points, ...placeholder }] : [],
      ),
    };
  }
}
