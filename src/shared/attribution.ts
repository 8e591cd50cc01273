import type { Signal } from './signal.ts';

/** The attributes by which vendors tell whose telemetry it is: Span goes by the first, LinearB by the second. */
export const identityKeys = ['work_email', 'user.email'] as const;

export type IdentityKey = (typeof identityKeys)[number];

/** What came in the last hour without telling vendors whose it is. Metrics and logs: no vendor asks it of traces. */
export interface IdentityFacts {
  /** No attribute that names a person held an e-mail address. */
  readonly none: readonly { readonly signal: Signal; readonly points: number }[];
  /** Such an attribute held a variable that nobody filled in; the last one, where there were several. */
  readonly placeholders: readonly IdentityPlaceholderFacts[];
}

export interface IdentityPlaceholderFacts {
  readonly signal: Signal;
  readonly key: IdentityKey;
  readonly placeholder: string;
  readonly points: number;
}

/** What the config's attributes do for one destination. */
export interface AttributeFacts {
  readonly destination: string;
  readonly resolved: readonly ResolvedAttribute[];
  /** One of them tells by itself whose telemetry it is. */
  readonly identifies: boolean;
}

/** What became of an attribute that the config adds to telemetry. */
export type ResolvedAttribute =
  | { readonly key: string; readonly outcome: 'set'; readonly value: string; readonly override: boolean }
  /** A template of its value, such as `${git:user.email}`, has no value here: the attribute is not sent. */
  | { readonly key: string; readonly outcome: 'unresolved'; readonly template: string; readonly because: string }
  /** Its value holds a variable, such as `%Email%`, that device management should have filled in: it is not sent. */
  | { readonly key: string; readonly outcome: 'placeholder'; readonly placeholder: string };
