export type { ResolvedAttribute } from '../../../shared/attribution.ts';

/** An attribute that the relay puts on telemetry that lacks it. */
export interface AttributeRule {
  readonly key: string;
  /** May hold templates such as `${git:user.email}`. */
  readonly value: string;
  /** Also replaces a value that is there. */
  readonly override: boolean;
}

/**
 * What a config may use as a key. OpenTelemetry takes any text that is not empty
 * (https://opentelemetry.io/docs/specs/otel/common/#attribute); what vendors index is of this kind, and a key with a blank
 * or a quote in it is a mistake.
 */
export const attributeKey = /^[A-Za-z_][\w./-]{0,127}$/;

/** `attributeKey` in words, to go on after "expected". */
export const attributeKeyWords = 'a letter or _, then letters, digits, ., _, - or /, at most 128 characters in all';

/** Every data point gets a copy of every attribute, so neither may grow without bounds. Lengths are characters. */
export const attributeLimits = {
  /** Per destination. */
  maxAttributes: 32,
  /** Of a value as it is written and as it is sent. It is not empty either. */
  maxValueLength: 1024,
} as const;
