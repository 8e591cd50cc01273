import type { ClaudeFacts, DeliveryError, DestinationState, ListenFacts, MachineFacts } from './health.ts';
import type { DropCause, LedgerRow } from './ledger.ts';
import type { Signal } from './signal.ts';

/** Everything that the health of a relay is derived from, gathered elsewhere. Times are wall time in milliseconds. */
export interface HealthFacts {
  readonly now: number;
  readonly machine: MachineFacts;
  readonly http: ListenFacts;
  readonly spool: SpoolFacts;
  readonly destinations: readonly DestinationFacts[];
  readonly config: ConfigFacts;
  readonly refused: RefusedFacts;
  readonly claude: ClaudeFacts;
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
  readonly pending: readonly {
    readonly destination: string;
    readonly signal: Signal;
    readonly requests: number;
    readonly points: number;
    readonly bytes: number;
    readonly oldestAt: number | null;
  }[];
  readonly quarantined: readonly { readonly destination: string; readonly requests: number; readonly points: number }[];
  /** Repairs since the relay started, or longer where they were kept. */
  readonly repairs: readonly {
    readonly at: number;
    readonly reason: string;
    readonly keptIn: string;
    readonly salvagedRequests: number;
    readonly lostPoints: number;
    readonly estimated: boolean;
  }[];
  /** What the relay gave up; entries that are older than a day are ignored. */
  readonly recentDrops: readonly { readonly at: number; readonly cause: DropCause; readonly points: number }[];
}

export interface DestinationFacts {
  readonly name: string;
  readonly endpoint: string | null;
  readonly state: DestinationState;
  readonly lastSuccessAt: number | null;
  readonly lastAttemptAt: number | null;
  readonly lastError: DeliveryError | null;
  readonly nextAttemptAt: number | null;
  /** Where the credential in use comes from: `presented` by Claude Code; null when there is none, or none is needed. */
  readonly credentialSource: 'config' | 'presented' | null;
  /** Since when every attempt has failed; null while they succeed. */
  readonly retryingSinceAt: number | null;
  readonly lastPartialSuccess: { readonly at: number; readonly points: number; readonly message: string } | null;
  /** Not in the config any more, but data is still owed to it. */
  readonly removed: boolean;
}

export interface ConfigFacts {
  readonly file: string;
  /** One sentence each; never hold a secret. */
  readonly problems: readonly string[];
  /** Whether the config in force names any destination. */
  readonly anyDestination: boolean;
}

export interface RefusedFacts {
  /** Requests that were refused in the last hour. */
  readonly requestsLastHour: number;
  readonly lastMessage: string | null;
}
