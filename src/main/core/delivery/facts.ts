import type { DestinationState } from '../../../shared/health.ts';
import type { CredentialFacts, DestinationFacts } from '../../../shared/health-facts.ts';
import type { Signal } from '../../../shared/signal.ts';

/** How delivery to one destination stands. Times are wall time in milliseconds. */
export interface DeliveryFacts extends Omit<DestinationFacts, 'removed' | 'formerly' | 'takes' | 'identity'> {
  /** The same by signal: one may flow while another is refused. */
  readonly signals: readonly SignalFacts[];
}

export interface SignalFacts
  extends Omit<
    DestinationFacts,
    | 'name'
    | 'endpoint'
    | 'via'
    | 'refusedSignals'
    | 'tokenFile'
    | 'ambiguousWith'
    | 'takes'
    | 'identity'
    | 'formerly'
    | 'removed'
  > {
  readonly signal: Signal;
}

/** What the signals of a destination say of it together. */
export type MergedFacts = Omit<SignalFacts, 'signal'> & Pick<DestinationFacts, 'refusedSignals'>;

const worstFirst: readonly DestinationState[] = ['blocked', 'retrying', 'unconfigured', 'ok'];

/** One picture of a destination's signals: the worst state with its error, the latest successes, the soonest attempt. */
export function mergeSignals(signals: readonly SignalFacts[]): MergedFacts {
  const ranked = [...signals].sort(
    (a, b) =>
      worstFirst.indexOf(a.state) - worstFirst.indexOf(b.state) || (b.lastAttemptAt ?? 0) - (a.lastAttemptAt ?? 0),
  );
  const worst = ranked[0];
  return {
    state: worst?.state ?? 'ok',
    lastError: worst?.lastError ?? null,
    lastSuccessAt: pick(Math.max, signals, (facts) => facts.lastSuccessAt),
    lastAttemptAt: pick(Math.max, signals, (facts) => facts.lastAttemptAt),
    nextAttemptAt: pick(Math.min, signals, (facts) => facts.nextAttemptAt),
    credential: worst?.credential ?? null,
    refusedCredentials: onePerSource(ranked.flatMap((facts) => facts.refusedCredentials)),
    refusedSignals: signals
      .filter(({ state, lastError }) => state === 'blocked' && lastError?.kind === 'credentials')
      .map(({ signal }) => signal),
    retryingSinceAt: pick(Math.min, signals, (facts) => facts.retryingSinceAt),
    lastPartialSuccess: latest(ranked.map((facts) => facts.lastPartialSuccess)),
    lastWarning: latest(ranked.map((facts) => facts.lastWarning)),
  };
}

function onePerSource(credentials: readonly CredentialFacts[]): readonly CredentialFacts[] {
  return credentials.filter(({ source }, index) => credentials.findIndex((other) => other.source === source) === index);
}

function latest<T extends { readonly at: number }>(news: readonly (T | null)[]): T | null {
  return news.reduce((last, one) => (one !== null && (last === null || one.at > last.at) ? one : last), null);
}

function pick(
  choose: (...times: number[]) => number,
  signals: readonly SignalFacts[],
  time: (facts: SignalFacts) => number | null,
): number | null {
  const times = signals.map(time).filter((at) => at !== null);
  return times.length === 0 ? null : choose(...times);
}
