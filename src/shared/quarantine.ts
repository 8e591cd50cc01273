import type { Signal } from './signal.ts';

/** A request that a destination called malformed, set aside so that a person can look at it. */
export interface QuarantinedRequest {
  readonly id: number;
  readonly destination: string;
  readonly signal: Signal;
  readonly points: number;
  /** Size of the encoded request. */
  readonly bytes: number;
  /** Wall time, milliseconds. */
  readonly receivedAt: number;
  readonly quarantinedAt: number;
  /** The destination's answer, in HTTP's terms; 0 where the relay itself could not put the request into its encoding. */
  readonly status: number;
  readonly message: string;
}
