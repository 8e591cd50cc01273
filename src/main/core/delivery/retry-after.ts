const maxRetryAfterMs = 60 * 60_000;

/**
 * Reads a Retry-After header in either form (RFC 9110, 10.2.3), clamped to [0, 1 h]; undefined when there is none or it
 * cannot be read. A date is measured from the response's own `Date` where there is one: this machine's clock may be off.
 */
export function retryAfterMs(headers: Readonly<Record<string, string>>, now: number): number | undefined {
  const value = headers['retry-after']?.trim();
  if (value === undefined) return undefined;
  const delayMs = /^\d+$/.test(value) ? Number(value) * 1000 : dateDifference(value, headers.date, now);
  return delayMs === undefined ? undefined : boundedWaitMs(delayMs);
}

/** What a destination asks for, clamped to [0, 1 h]. */
export function boundedWaitMs(delayMs: number): number {
  return Math.min(Math.max(delayMs, 0), maxRetryAfterMs);
}

function dateDifference(value: string, reference: string | undefined, now: number): number | undefined {
  const at = httpDate(value);
  if (at === undefined) return undefined;
  return at - ((reference === undefined ? undefined : httpDate(reference)) ?? now);
}

/** The three forms of an HTTP-date all start with a day's name; the oldest of them does not say that it is GMT. */
function httpDate(text: string): number | undefined {
  const trimmed = text.trim();
  if (!/^(mon|tue|wed|thu|fri|sat|sun)/i.test(trimmed)) return undefined;
  const time = Date.parse(/gmt$/i.test(trimmed) ? trimmed : `${trimmed} GMT`);
  return Number.isNaN(time) ? undefined : time;
}
