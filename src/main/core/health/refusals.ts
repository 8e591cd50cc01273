import { assertNever } from '../../../shared/assert-never.ts';
import type { RefusalCause, RefusedFacts } from '../../../shared/health-facts.ts';
import type { Signal } from '../../../shared/signal.ts';
import type { Clock } from '../clock.ts';
import type { RefusedInfo } from '../receiver/intake.ts';
import type { RefusalReason } from '../receiver/refusal.ts';
import { LastHour } from './last-hour.ts';

const hourMs = 60 * 60_000;
/** While other signals are accepted, a refusal goes on only when it repeats itself: one alone was somebody's try. */
const timesToGoOn = 3;

interface Refused {
  readonly cause: RefusalCause;
  readonly message: string;
  readonly atMs: number;
  /** How often in a row. */
  readonly times: number;
  /** Something else was accepted since. */
  readonly othersAccepted: boolean;
}

/** The refusals of the last hour that lost telemetry of an exporter, and whether they go on. */
export class Refusals {
  readonly #clock: Clock;
  readonly #count: LastHour;
  /** By signal: the refusals that no acceptance has followed. */
  readonly #open = new Map<Signal | undefined, Refused>();
  #last: Refused | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#count = new LastHour(clock);
  }

  refused(info: RefusedInfo): void {
    const cause = causeOf(info.reason);
    if (cause === undefined || !mayHaveLost(info)) return;
    const { message, signal } = info;
    const times = (this.#open.get(signal)?.times ?? 0) + 1;
    this.#last = { cause, message, atMs: this.#clock.monotonicMs(), times, othersAccepted: false };
    this.#open.set(signal, this.#last);
    this.#count.add(1);
  }

  accepted(signal: Signal): void {
    if (this.#open.size === 0) return;
    this.#open.delete(signal);
    this.#open.delete(undefined);
    for (const [other, refused] of this.#open) this.#open.set(other, { ...refused, othersAccepted: true });
  }

  facts(): RefusedFacts {
    const requestsLastHour = this.#count.total();
    const ongoing = [...this.#open.values()]
      .filter(({ atMs }) => this.#clock.monotonicMs() - atMs < hourMs)
      .filter(({ othersAccepted, times }) => !othersAccepted || times >= timesToGoOn)
      .sort((a, b) => a.atMs - b.atMs)
      .at(-1);
    const last = ongoing ?? this.#last;
    if (last === undefined || requestsLastHour === 0) return { requestsLastHour: 0, last: null, ongoing: false };
    return { requestsLastHour, last: { cause: last.cause, message: last.message }, ongoing: ongoing !== undefined };
  }
}

/** What a connection that was dropped unheard would have said is not known. */
function mayHaveLost({ points, reason }: RefusedInfo): boolean {
  return points > 0 || reason === 'connection-dropped';
}

/** Undefined where it was no exporter, or nobody who waits for an answer. */
function causeOf(reason: RefusalReason): RefusalCause | undefined {
  switch (reason) {
    case 'guard':
    case 'aborted':
      return undefined;
    case 'path':
    case 'grpc-on-http-port':
    case 'http-on-grpc-port':
    case 'tls':
    case 'method':
    case 'content-type':
    case 'content-encoding':
    case 'too-large':
    case 'malformed':
    case 'internal':
      return reason;
    case 'expectation':
    case 'malformed-http':
    case 'timeout':
      return 'incomplete';
    case 'overloaded':
    case 'too-many-connections':
    case 'connection-dropped':
      return 'overload';
    case 'disk-full':
    case 'spool-unavailable':
      return 'storage';
    default:
      return assertNever(reason);
  }
}
