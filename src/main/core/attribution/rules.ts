/** An attribute that the relay puts on telemetry that lacks it. */
export interface AttributeRule {
  readonly key: string;
  /** May hold templates such as `${git:user.email}`. */
  readonly value: string;
  /** Also replaces a value that is there. */
  readonly override: boolean;
}
