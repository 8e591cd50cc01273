import type { AttributeFacts, IdentityFacts, IdentityKey } from './attribution.ts';
import type { ClaudeFacts, DeliveryError, DestinationState, ListenFacts, MachineFacts } from './health.ts';
import type { DropCause, LedgerRow, PendingBooks } from './ledger.ts';
import type { RepairReport } from './repair.ts';
import type { Signal } from './signal.ts';

/** Everything that the health of a relay is derived from, gathered elsewhere. Times are wall time in milliseconds. */
export interface HealthFacts {
  readonly now: number;
  readonly machine: MachineFacts;
  readonly http: ListenFacts;
  readonly grpc: ListenFacts;
  /** Exports have come by gRPC in the last days. */
  readonly grpcUsed: boolean;
  readonly spool: SpoolFacts;
  readonly destinations: readonly DestinationFacts[];
  readonly config: ConfigFacts;
  readonly policy: PolicyFacts;
  readonly refused: RefusedFacts;
  /** What was acknowledged in the last hour and not kept, because no destination takes its signal. */
  readonly unwanted: readonly { readonly signal: Signal; readonly points: number }[];
  readonly claude: ClaudeFacts;
  readonly identity: IdentityFacts;
  /** By destination, those that there are now. */
  readonly attributes: readonly AttributeFacts[];
}

export type SpoolState =
  | { readonly kind: 'opening' }
  | { readonly kind: 'ready' }
  | { readonly kind: 'repairing'; readonly reason: string }
  | { readonly kind: 'disk-full' }
  | { readonly kind: 'unavailable'; readonly message: string };

export interface SpoolFacts {
  readonly state: SpoolState;
  /** The spool's folder, for texts. */
  readonly folder: string;
  readonly ledger: readonly LedgerRow[];
  readonly pending: readonly Omit<PendingBooks, 'lastDeliveredAt'>[];
  readonly quarantined: readonly { readonly destination: string; readonly requests: number; readonly points: number }[];
  /** Repairs since the relay started, or longer where they were kept. */
  readonly repairs: readonly RepairReport[];
  /** What the relay gave up, beside what the repairs have lost. `at` is the latest drop that an entry stands for. */
  readonly recentDrops: readonly { readonly at: number; readonly cause: DropCause; readonly points: number }[];
}

/** Where a credential can come from, highest first; `presented` by Claude Code. */
export const credentialSources = ['policy', 'config', 'file', 'presented'] as const;

export type CredentialSource = (typeof credentialSources)[number];

/** What a destination makes of one credential. Never the value. */
export interface CredentialFacts {
  readonly source: CredentialSource;
  /** When the destination last took it, for whichever signal. */
  readonly lastWorkedAt: number | null;
  /** Since when it is refused; null while it is not. */
  readonly refusedAt: number | null;
  /** The signals that the destination has taken with it since it refused it for another. */
  readonly worksFor: readonly Signal[];
}

export interface DestinationFacts {
  readonly name: string;
  readonly endpoint: string | null;
  /** The proxy by which it was last reached: host and port; null where there is none. */
  readonly via: string | null;
  readonly state: DestinationState;
  readonly lastSuccessAt: number | null;
  readonly lastAttemptAt: number | null;
  readonly lastError: DeliveryError | null;
  readonly nextAttemptAt: number | null;
  /** The one in use, or tried now and then where all are refused; null when there is none, or none is needed. */
  readonly credential: CredentialFacts | null;
  /** Others that it refuses. */
  readonly refusedCredentials: readonly CredentialFacts[];
  /** The signals that it does not take because of the credential. */
  readonly refusedSignals: readonly Signal[];
  /** The file that should hold its token, where there is one, and what is wrong with it, as words that go on after its name. */
  readonly tokenFile: { readonly path: string; readonly problem: string | null } | null;
  /** Destinations for which what Claude Code presents may be meant just as well as for this one, so that none gets it. */
  readonly ambiguousWith: readonly string[];
  /** Since when every attempt has failed; null while they succeed. */
  readonly retryingSinceAt: number | null;
  readonly lastPartialSuccess: { readonly at: number; readonly points: number; readonly message: string } | null;
  /** What it said the last time that it took a request whole and had something to say all the same. */
  readonly lastWarning: { readonly at: number; readonly message: string } | null;
  /** The signals that the config gives it now. */
  readonly takes: readonly Signal[];
  /** The attribute by which this vendor tells whose telemetry it is; null where it does without. */
  readonly identity: IdentityKey | null;
  /** The name that the config says it had; null where there is none. */
  readonly formerly: string | null;
  /** Not in the config any more, but data is still owed to it. */
  readonly removed: boolean;
}

export interface ConfigFacts {
  readonly file: string;
  /** One sentence each; never hold a secret. */
  readonly problems: readonly string[];
  /** The file is broken as a whole, or gone: nothing that it says now is in force. */
  readonly unusable: boolean;
  /** Whether the config in force names any destination. */
  readonly anyDestination: boolean;
}

export interface PolicyFacts {
  /** Null where none is looked for. */
  readonly file: string | null;
  /** One sentence each; never hold a secret. */
  readonly problems: readonly string[];
  /** As that of the config. */
  readonly unusable: boolean;
}

/** Why an exporter's telemetry was refused, as far as what to do depends on it. */
export type RefusalCause =
  | 'path'
  /** The protocol of the other port. */
  | 'grpc-on-http-port'
  | 'http-on-grpc-port'
  | 'tls'
  | 'method'
  | 'content-type'
  | 'content-encoding'
  | 'too-large'
  | 'malformed'
  /** It did not arrive whole. */
  | 'incomplete'
  /** More at once than the relay takes. */
  | 'overload'
  /** It could not be stored. */
  | 'storage'
  /** A fault in the relay. */
  | 'internal';

/** Requests whose telemetry was lost by being refused; not those of browsers and of people who look around. */
export interface RefusedFacts {
  readonly requestsLastHour: number;
  /** The last of them, or of those that go on. */
  readonly last: { readonly cause: RefusalCause; readonly message: string } | null;
  /** Nothing of its kind has been accepted since. */
  readonly ongoing: boolean;
}
