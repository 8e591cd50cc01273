import type { Signal } from '../../../shared/signal.ts';
import type { AttributeRule } from './rules.ts';

/** Puts the attributes that tell whose telemetry it is on requests. */
export interface Attribution {
  /** The request with the attributes of these rules, as their templates resolve at this moment. */
  enrich(rules: readonly AttributeRule[], signal: Signal, body: Uint8Array): Uint8Array;
}
