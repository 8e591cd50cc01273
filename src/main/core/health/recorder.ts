import type { ClaudeFacts, MachineFacts } from '../../../shared/health.ts';
import type { DestinationFacts, HealthFacts, SpoolState } from '../../../shared/health-facts.ts';
import type { RepairReport } from '../../../shared/repair.ts';
import { type Signal, signals } from '../../../shared/signal.ts';
import type { Attribution } from '../attribution/attribution.ts';
import type { Clock } from '../clock.ts';
import type { DeliveryFacts } from '../delivery/facts.ts';
import { resourceServiceVersion } from '../otlp/attributes.ts';
import type { LoadedConfig } from '../policy/config-source.ts';
import { destinationsOf, spoolDestinations } from '../policy/in-force.ts';
import type { AcceptedInfo, Protocol, RefusedInfo } from '../receiver/intake.ts';
import type { Spool, SpoolEvent } from '../spool/spool.ts';
import { attributeFactsOf } from './attribute-facts.ts';
import { Drops, hoursRemembered } from './drops.ts';
import type { GrpcUse } from './grpc-use.ts';
import { Identities, type IdentityGap } from './identities.ts';
import { LastHour } from './last-hour.ts';
import { Refusals } from './refusals.ts';

const versionsKept = 5;
/** Looking into payloads is for the versions that a person sees; once a second is plenty. */
const versionSampleMs = 1000;

/** Remembers what happened, as far as health needs it, and puts it beside what the parts say of themselves. */
export class HealthRecorder {
  readonly #clock: Clock;
  readonly #grpcUse: GrpcUse;
  #spoolState: SpoolState = { kind: 'opening' };
  #lastReceivedAt: number | null = null;
  #lastProtocol: Protocol | null = null;
  #versions: readonly string[] = [];
  #versionSampledAt = Number.NEGATIVE_INFINITY;
  readonly #refusals: Refusals;
  /** Points that were acknowledged and not kept. */
  readonly #unwanted = new Map<Signal, LastHour>();
  readonly #identities: Identities;
  readonly #drops: Drops;
  #repairs: readonly RepairReport[] = [];

  constructor(clock: Clock, grpcUse: GrpcUse) {
    this.#clock = clock;
    this.#grpcUse = grpcUse;
    this.#refusals = new Refusals(clock);
    this.#identities = new Identities(clock);
    this.#drops = new Drops(clock);
  }

  received({ protocol, signal, body, headers }: AcceptedInfo): void {
    if (headers['user-agent']?.startsWith('span-relay/')) return;
    if (protocol === 'grpc') this.#grpcUse.note();
    this.#lastReceivedAt = this.#clock.now();
    this.#lastProtocol = protocol;
    this.#refusals.accepted(signal);
    const at = this.#clock.monotonicMs();
    if (at - this.#versionSampledAt < versionSampleMs || body.length === 0) return;
    this.#versionSampledAt = at;
    const version = resourceServiceVersion(signal, body);
    if (version === undefined || this.#versions[0] === version) return;
    this.#versions = [version, ...this.#versions.filter((known) => known !== version)].slice(0, versionsKept);
  }

  refused(info: RefusedInfo): void {
    this.#refusals.refused(info);
  }

  /** The spool had nobody to keep these points for. */
  unwanted(signal: Signal, points: number): void {
    const counted = this.#unwanted.get(signal) ?? new LastHour(this.#clock);
    counted.add(points);
    this.#unwanted.set(signal, counted);
  }

  /** What was kept could not be attributed to anybody as it came. */
  unidentified(gap: IdentityGap): void {
    this.#identities.add(gap);
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
        this.#drops.add(event.cause, event.points);
        return;
      case 'accepted':
      case 'owed':
      case 'renamed':
      case 'inherited':
        return;
    }
  }

  /** What happened before this start, from the spool's own history. */
  async recall(spool: Pick<Spool, 'hours' | 'repairs'>): Promise<void> {
    const [hours, repairs] = await Promise.all([spool.hours(hoursRemembered), spool.repairs()]);
    this.#repairs = repairs;
    this.#drops.recall(hours, repairs);
  }

  facts(parts: {
    readonly machine: MachineFacts;
    readonly listen: Pick<HealthFacts, Protocol>;
    readonly stateDir: string;
    readonly spool: Pick<Spool, 'books'>;
    readonly delivery: readonly DeliveryFacts[];
    readonly config: LoadedConfig;
    readonly attribution: Pick<Attribution, 'resolve'>;
  }): HealthFacts {
    const { config, spool, delivery } = parts;
    const books = spool.books();
    const destinations = destinationsOf(config);
    const formerlyOf = new Map(spoolDestinations(config).map(({ name, formerly }) => [name, formerly]));
    const identityOf = new Map(destinations.map(({ name, identity }) => [name, identity]));
    return {
      now: this.#clock.now(),
      machine: parts.machine,
      ...parts.listen,
      grpcUsed: this.#grpcUse.recently,
      spool: {
        state: this.#spoolState,
        folder: parts.stateDir,
        ledger: books.ledger,
        pending: books.pending,
        quarantined: books.quarantined,
        repairs: this.#repairs,
        recentDrops: this.#drops.facts(),
      },
      destinations: [
        ...delivery.map((facts) =>
          this.#destination(facts, books, {
            identity: identityOf.get(facts.name) ?? null,
            formerly: formerlyOf.get(facts.name) ?? null,
          }),
        ),
        ...removed(delivery, books),
      ],
      config: {
        file: config.file,
        problems: config.problems.map(({ message }) => message),
        unusable: config.problems.some(({ ofFile }) => ofFile),
        anyDestination: config.config.destinations.length + config.held.length > 0,
      },
      policy: {
        file: config.policy.file,
        problems: config.policy.problems.map(({ message }) => message),
        unusable: config.policy.problems.some(({ ofFile }) => ofFile),
      },
      refused: this.#refusals.facts(),
      unwanted: this.#unwantedFacts(),
      claude: this.#claude(),
      identity: this.#identities.facts(),
      attributes: attributeFactsOf(destinations, parts.attribution),
    };
  }

  #destination(
    facts: DeliveryFacts,
    books: ReturnType<Spool['books']>,
    configured: Pick<DestinationFacts, 'identity' | 'formerly'>,
  ): DestinationFacts {
    const { signals: taken, ...rest } = facts;
    return {
      ...rest,
      takes: taken.map(({ signal }) => signal),
      ...configured,
      lastSuccessAt: rest.lastSuccessAt ?? lastDelivery(facts.name, books),
      removed: false,
    };
  }

  #claude(): ClaudeFacts {
    return {
      lastReceivedAt: this.#lastReceivedAt === null ? null : new Date(this.#lastReceivedAt).toISOString(),
      lastProtocol: this.#lastProtocol,
      versions: this.#versions,
      sessions: [],
    };
  }

  #unwantedFacts(): HealthFacts['unwanted'] {
    return signals
      .map((signal) => ({ signal, points: this.#unwanted.get(signal)?.total() ?? 0 }))
      .filter(({ points }) => points > 0);
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
    via: null,
    state: 'unconfigured',
    lastSuccessAt: lastDelivery(name, books),
    lastAttemptAt: null,
    lastError: null,
    nextAttemptAt: null,
    credential: null,
    refusedCredentials: [],
    refusedSignals: [],
    tokenFile: null,
    ambiguousWith: [],
    retryingSinceAt: null,
    lastPartialSuccess: null,
    lastWarning: null,
    takes: [],
    identity: null,
    formerly: null,
    removed: true,
  }));
}
