/** The attributes by which vendors tell whose telemetry it is: Span goes by the first, LinearB by the second. */
export const identityKeys = ['work_email', 'user.email'] as const;

export type IdentityKey = (typeof identityKeys)[number];

/** What became of an attribute that the config adds to telemetry. */
export type ResolvedAttribute =
  | { readonly key: string; readonly outcome: 'set'; readonly value: string; readonly override: boolean }
  /** A template of its value, such as `${git:user.email}`, has no value here: the attribute is not sent. */
  | { readonly key: string; readonly outcome: 'unresolved'; readonly template: string; readonly because: string }
  /** Its value holds a variable, such as `%Email%`, that device management should have filled in: it is not sent. */
  | { readonly key: string; readonly outcome: 'placeholder'; readonly placeholder: string };
