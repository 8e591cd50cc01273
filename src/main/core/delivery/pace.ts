const maxBatchRequests = 1_000;
const slowStartFactor = 10;
const maxPauseMs = 5_000;
const rememberTooLargeMs = 60 * 60_000;

/**
 * How much to send at once, and how fast. After an outage: one request first, then ten times as many each time, with a
 * pause after each until the backlog is gone, so that a fleet of relays does not fall upon a vendor that comes back.
 */
export class Pace {
  readonly #maxBatchBytes: number;
  #maxRequests = maxBatchRequests;
  #draining = false;
  #tooLarge: { readonly bytes: number; readonly at: number } | undefined;

  constructor(maxBatchBytes: number) {
    this.#maxBatchBytes = maxBatchBytes;
  }

  limits(nowMs: number): { readonly maxBytes: number; readonly maxRequests: number } {
    if (this.#tooLarge !== undefined && nowMs - this.#tooLarge.at > rememberTooLargeMs) this.#tooLarge = undefined;
    const half = this.#tooLarge === undefined ? this.#maxBatchBytes : Math.floor(this.#tooLarge.bytes / 2);
    return { maxBytes: Math.max(1, half), maxRequests: this.#maxRequests };
  }

  failed(): void {
    this.#maxRequests = 1;
    this.#draining = true;
  }

  passed(): void {
    this.#maxRequests = Math.min(maxBatchRequests, this.#maxRequests * slowStartFactor);
  }

  caughtUp(): void {
    this.#maxRequests = maxBatchRequests;
    this.#draining = false;
  }

  /** The destination called several requests of this size together too large: the next batches stay under half of it. */
  tooLarge(bytes: number, nowMs: number): void {
    this.#tooLarge = { bytes: Math.min(bytes, this.#tooLarge?.bytes ?? bytes), at: nowMs };
  }

  /** About as long as the destination took to answer, half to one and a half times, while a backlog drains; else 0. */
  pauseMs(answeredInMs: number, random: number): number {
    return this.#draining ? Math.min(maxPauseMs, answeredInMs * (0.5 + random)) : 0;
  }
}
