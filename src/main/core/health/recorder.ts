import type { ClaudeFacts, ListenFacts, MachineFacts } from '../../../shared/health.ts';
import type { DestinationFacts, HealthFacts, SpoolState } from '../../../shared/health-facts.ts';
import { dropCauses } from '../../../shared/ledger.ts';
import type { Clock } from '../clock.ts';
import type { DeliveryFacts } from '../delivery/facts.ts';
import { resourceServiceVersion } from '../otlp/attributes.ts';
import type { LoadedConfig } from '../policy/config-source.ts';
import type { AcceptedInfo, RefusedInfo } from '../receiver/receiver.ts';
import type { RepairReport, Spool, SpoolEvent } from '../spool/spool.ts';

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
const dayMs = 24 * hourMs;
const versionsKept = 5;
/** Looking into payloads is for the versions that a person sees; once a second is plenty. */
const versionSampleMs = 1000;

/** Remembers what happened, as far as health needs it, and puts it beside what the parts say of themselves. */
export class HealthRecorder {
  readonly #clock: Clock;
  #spoolState: SpoolState = { kind: 'opening' };
  #lastReceivedAt: number | null = null;
  #versions: readonly string[] = [];
  #versionSampledAt = Number.NEGATIVE_INFINITY;
  /** Refused requests by minute. */
  readonly #refused = new Map<number, number>();
  #lastRefusal: string | null = null;
  #drops: HealthFacts['spool']['recentDrops'] = [];
  #repairs: readonly RepairReport[] = [];

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  received({ signal, body, headers }: AcceptedInfo): void {
    if (headers['user-agent']?.startsWith('span-relay/')) return;
    this.#lastReceivedAt = this.#clock.now();
    const at = this.#clock.monotonicMs();
    if (at - this.#versionSampledAt < versionSampleMs || body.length === 0) return;
    this.#versionSampledAt = at;
    const version = resourceServiceVersion(signal, body);
    if (version === undefined || this.#versions[0] === version) return;
    this.#versions = [version, ...this.#versions.filter((known) => known !== version)].slice(0, versionsKept);
  }

  refused({ message }: RefusedInfo): void {
    const minute = Math.floor(this.#clock.monotonicMs() / minuteMs);
    this.#refused.set(minute, (this.#refused.get(minute) ?? 0) + 1);
    for (const old of this.#refused.keys()) if (old <= minute - 60) this.#refused.delete(old);
    this.#lastRefusal = message;
  }

  spoolEvent(event: SpoolEvent): void {
    switch (event.kind) {
      case 'ready':
      case 'repaired':
      case 'disk-ok':
        this.#spoolState = { kind: 'ready' };
        if (event.kind === 'repaired') this.#repairs = [...this.#repairs, event.report];
        return;
      case 'repairing':
        this.#spoolState = { kind: 'repairing', reason: event.reason };
        return;
      case 'disk-full':
        this.#spoolState = { kind: 'disk-full' };
        return;
      case 'unavailable':
        this.#spoolState = { kind: 'unavailable', message: event.message };
        return;
      case 'dropped':
        this.#dropped(event.cause, event.points);
        return;
      case 'accepted':
      case 'owed':
        return;
    }
  }

  /** What happened before this start, from the spool's own history. */
  async recall(spool: Spool): Promise<void> {
    const [hours, repairs] = await Promise.all([spool.hours(24), spool.repairs()]);
    this.#repairs = repairs;
    this.#drops = hours.flatMap(({ hour, dropped }) =>
      dropCauses.filter((cause) => dropped[cause] > 0).map((cause) => ({ at: hour, cause, points: dropped[cause] })),
    );
  }

  facts(parts: {
    readonly machine: MachineFacts;
    readonly http: ListenFacts;
    readonly stateDir: string;
    readonly spool: Spool;
    readonly delivery: readonly DeliveryFacts[];
    readonly config: LoadedConfig;
  }): HealthFacts {
    const { config, spool, delivery } = parts;
    const books = spool.books();
    return {
      now: this.#clock.now(),
      machine: parts.machine,
      http: parts.http,
      spool: {
        state: this.#spoolState,
        folder: parts.stateDir,
        ledger: books.ledger,
        pending: books.pending,
        quarantined: books.quarantined,
        repairs: this.#repairs,
        recentDrops: this.#drops,
      },
      destinations: [...delivery.map((facts) => this.#destination(facts, books)), ...removed(delivery, books)],
      config: {
        file: config.file,
        problems: config.problems.map(({ message }) => message),
        anyDestination: config.config.destinations.length + config.held.length > 0,
      },
      refused: { requestsLastHour: this.#refusedLastHour(), lastMessage: this.#lastRefusal },
      claude: this.#claude(),
    };
  }

  #destination(facts: DeliveryFacts, books: ReturnType<Spool['books']>): DestinationFacts {
    const { signals, ...rest } = facts;
    return {
      ...rest,
      lastSuccessAt: rest.lastSuccessAt ?? lastDelivery(facts.name, books),
      removed: false,
    };
  }

  #claude(): ClaudeFacts {
    return {
      lastReceivedAt: this.#lastReceivedAt === null ? null : new Date(this.#lastReceivedAt).toISOString(),
      versions: this.#versions,
      sessions: [],
    };
  }

  #refusedLastHour(): number {
    const oldest = Math.floor(this.#clock.monotonicMs() / minuteMs) - 60;
    return [...this.#refused].reduce((sum, [minute, count]) => (minute > oldest ? sum + count : sum), 0);
  }

  /** Many small drops of one cause are one entry per hour. */
  #dropped(cause: HealthFacts['spool']['recentDrops'][number]['cause'], points: number): void {
    const now = this.#clock.now();
    const last = this.#drops.at(-1);
    const rest = this.#drops.filter(({ at }) => now - at < dayMs);
    this.#drops =
      last?.cause === cause && now - last.at < hourMs
        ? [...rest.slice(0, -1), { ...last, points: last.points + points }]
        : [...rest, { at: now, cause, points }];
  }
}

function lastDelivery(name: string, { pending }: ReturnType<Spool['books']>): number | null {
  const times = pending
    .filter(({ destination }) => destination === name)
    .map(({ lastDeliveredAt }) => lastDeliveredAt ?? 0);
  const latest = Math.max(0, ...times);
  return latest > 0 ? latest : null;
}

/** Destinations that are not configured any more and are still owed something. */
function removed(delivery: readonly DeliveryFacts[], books: ReturnType<Spool['books']>): readonly DestinationFacts[] {
  const configured = new Set(delivery.map(({ name }) => name));
  const owed = books.pending.filter(({ destination, requests }) => requests > 0 && !configured.has(destination));
  return [...new Set(owed.map(({ destination }) => destination))].map((name) => ({
    name,
    endpoint: null,
    state: 'unconfigured',
    lastSuccessAt: lastDelivery(name, books),
    lastAttemptAt: null,
    lastError: null,
    nextAttemptAt: null,
    credentialSource: null,
    retryingSinceAt: null,
    lastPartialSuccess: null,
    removed: true,
  }));
}
