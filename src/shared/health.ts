import type { Finding } from './finding.ts';
import { troubleWords } from './health-destination-findings.ts';
import type { CredentialFacts, CredentialSource, DestinationFacts, HealthFacts } from './health-facts.ts';
import { noteFindings, nothingReceivedYet } from './health-findings.ts';
import { type NotedFinding, pendingOf, waitingWords } from './health-note.ts';
import type { LedgerRow } from './ledger.ts';
import { countOf, isoTime } from './wording.ts';

export type HealthState = 'healthy' | 'idle' | 'attention' | 'failing';

export type DestinationState = 'ok' | 'retrying' | 'blocked' | 'unconfigured';

/** Times are ISO 8601 in UTC; null where there is none yet. Sizes are bytes, counts are points as in the ledger. */
export interface HealthSnapshot {
  readonly version: 1;
  readonly state: HealthState;
  /** One sentence that names the cause and the next step. */
  readonly headline: string;
  readonly at: string;
  readonly machine: MachineFacts;
  readonly listen: { readonly http: ListenFacts; readonly grpc: ListenFacts };
  readonly claude: ClaudeFacts;
  readonly destinations: readonly DestinationHealth[];
  readonly ledger: readonly LedgerRow[];
  readonly findings: readonly Finding[];
}

export interface MachineFacts {
  /** Random, made once per state folder. */
  readonly id: string;
  readonly hostname: string;
  readonly os: string;
  readonly arch: string;
  readonly relayVersion: string;
  readonly managedBy: string | null;
}

export interface ListenFacts {
  readonly port: number;
  readonly state: 'starting' | 'listening' | 'port-taken' | 'closed';
  /** Who holds the port, where that could be found out. */
  readonly holder?: string;
}

export interface ClaudeFacts {
  readonly lastReceivedAt: string | null;
  /** By which the last export came. */
  readonly lastProtocol: 'http' | 'grpc' | null;
  /** `service.version` of the payloads seen since start, newest first. */
  readonly versions: readonly string[];
  readonly sessions: readonly ClaudeSession[];
}

export interface ClaudeSession {
  readonly pid: number;
  readonly sessionId: string;
  readonly startedAt: string;
  readonly lastReceivedAt: string | null;
  readonly reporting: boolean;
  readonly stale: boolean;
}

export interface DestinationHealth {
  readonly name: string;
  readonly endpoint: string | null;
  /** The proxy by which it was last reached: host and port; null where there is none. */
  readonly via: string | null;
  readonly state: DestinationState;
  readonly lastSuccessAt: string | null;
  readonly lastAttemptAt: string | null;
  readonly lastError: DeliveryError | null;
  readonly nextAttemptAt: string | null;
  /** The one in use, or tried now and then where all are refused; null when there is none, or none is needed. */
  readonly credential: CredentialHealth | null;
  readonly pending: PendingFacts;
}

export interface CredentialHealth {
  /** `presented` by Claude Code. */
  readonly source: CredentialSource;
  readonly lastWorkedAt: string | null;
  /** Since when the destination refuses it; null while it does not. */
  readonly refusedAt: string | null;
}

export interface DeliveryError {
  /** What kind of trouble, in stable words such as `credentials`, `endpoint`, `protocol`, `connect`, `dns`, `tls`, `not-tls`, `proxy`, `timeout`, `reset`, `http`. */
  readonly kind: string;
  /** The HTTP status, where there was an answer; of an answer in gRPC, the one that its code stands for. */
  readonly status?: number;
  /** The gRPC code, where there was an answer in gRPC: `UNAVAILABLE`. */
  readonly grpcStatus?: string;
  /** What it means, in words; never holds a credential. */
  readonly message: string;
}

export interface PendingFacts {
  readonly requests: number;
  readonly points: number;
  readonly bytes: number;
  readonly oldestAt: string | null;
}

/** The one value that everything a person sees is derived from. Pure. */
export function deriveHealth(facts: HealthFacts): HealthSnapshot {
  const noted = noteFindings(facts);
  const state = stateOf(facts, noted);
  return {
    version: 1,
    state,
    headline: headlineOf(state, facts, noted),
    at: isoTime(facts.now),
    machine: facts.machine,
    listen: { http: facts.http, grpc: facts.grpc },
    claude: facts.claude,
    destinations: facts.destinations.map((destination) => destinationHealth(destination, facts)),
    ledger: facts.spool.ledger,
    findings: noted.map(({ finding }) => finding),
  };
}

function stateOf(facts: HealthFacts, noted: readonly NotedFinding[]): HealthState {
  const severities = new Set(noted.map(({ finding }) => finding.severity));
  if (severities.has('error')) return 'failing';
  if (severities.has('warning')) return 'attention';
  return nothingReceivedYet(facts) ? 'idle' : 'healthy';
}

function headlineOf(state: HealthState, facts: HealthFacts, [first]: readonly NotedFinding[]): string {
  if (state !== 'healthy' && first !== undefined) return first.headline;
  const waiting = pendingOf(facts);
  if (waiting.points === 0) {
    const what = facts.unwanted.length === 0 ? 'was received' : 'a destination takes';
    return `Telemetry flows: everything that ${what} has been delivered.`;
  }
  const retrying = facts.destinations.find((destination) => destination.state === 'retrying');
  return retrying === undefined
    ? `Telemetry flows: ${countOf(waiting.points, 'data point')} on the way.`
    : `Telemetry is safe: ${retrying.name} ${troubleWords(retrying.lastError)} just now, and ${waitingWords(waiting.points)}. The relay tries again by itself.`;
}

function destinationHealth(destination: DestinationFacts, facts: HealthFacts): DestinationHealth {
  const { name, endpoint, via, state, lastError } = destination;
  const { oldestAt, ...pending } = pendingOf(facts, name);
  return {
    name,
    endpoint,
    via,
    state,
    lastSuccessAt: isoTime(destination.lastSuccessAt),
    lastAttemptAt: isoTime(destination.lastAttemptAt),
    lastError,
    nextAttemptAt: isoTime(destination.nextAttemptAt),
    credential: credentialHealth(destination.credential),
    pending: { ...pending, oldestAt: isoTime(oldestAt) },
  };
}

function credentialHealth(facts: CredentialFacts | null): CredentialHealth | null {
  if (facts === null) return null;
  return {
    source: facts.source,
    lastWorkedAt: isoTime(facts.lastWorkedAt),
    refusedAt: isoTime(facts.refusedAt),
  };
}
