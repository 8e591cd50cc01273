/** When what happens, in milliseconds since the first export. */
export interface Script {
  readonly downAtMs: number;
  readonly upAtMs: number;
  /** The sessions end when what the outage left has been delivered too, but not before this. */
  readonly endAtMs: number;
  /** When the demo gives up on what is still on disk, unless the relay has said when it will try again. */
  readonly giveUpAtMs: number;
}

/** A longer outage would show nothing more, and the relay's patience grows with it. */
const longestOutageMs = 30_000;
const finalWaitMs = 20_000;

/**
 * Healthy for a quarter, down for a quarter, then up again: a relay whose attempts have failed for 5 s waits, with full
 * jitter, 5 s more in half of all runs and 9 s in one of five.
 */
export function scriptOf(durationMs: number): Script {
  const downAtMs = durationMs / 4;
  return {
    downAtMs,
    upAtMs: downAtMs + Math.min(durationMs / 4, longestOutageMs),
    endAtMs: durationMs,
    giveUpAtMs: durationMs + finalWaitMs,
  };
}
