const firstCeilingMs = 1_000;
const lastCeilingMs = 5 * 60_000;
const firstProbeMs = 60_000;
const lastProbeMs = 15 * 60_000;

/**
 * How long to wait after the `attempt`th failure in a row (from 1): full jitter, a random time from nothing to a ceiling
 * that doubles from 1 s to 5 min. A Retry-After above zero wins, with up to 10 % on top so that a fleet spreads out.
 *
 * @param random a number in [0, 1)
 * @see https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
 */
export function nextDelayMs(attempt: number, random: number, retryAfterMs?: number): number {
  if (retryAfterMs !== undefined && retryAfterMs > 0) return retryAfterMs * (1 + 0.1 * random);
  return random * doubled(firstCeilingMs, lastCeilingMs, attempt);
}

/** How long to wait before the `attempt`th probe (from 1) of a blocked destination: 1 min doubling to 15 min, ±20 %. */
export function nextProbeMs(attempt: number, random: number): number {
  return doubled(firstProbeMs, lastProbeMs, attempt) * (0.8 + 0.4 * random);
}

function doubled(first: number, last: number, attempt: number): number {
  return Math.min(last, first * 2 ** (attempt - 1));
}
