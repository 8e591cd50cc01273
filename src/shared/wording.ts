/**
 * A whole number with thousands separators: `1,204`. Not by the locale of the machine, and not by Intl, whose first use
 * loads 8 MB of data.
 */
export function formatNumber(value: number): string {
  return String(value).replace(/\B(?=(\d{3})+$)/g, ',');
}

/** A count with its noun: `1 request`, `1,204 requests`. The plural is the noun with an s unless it is given. */
export function countOf(count: number, noun: string, plural = `${noun}s`): string {
  return `${formatNumber(count)} ${count === 1 ? noun : plural}`;
}

/** Words as a sentence has them: `a`, `a and b`, `a, b and c`. */
export function listOf(words: readonly string[], last: 'and' | 'or' = 'and'): string {
  return words.length < 2 ? words.join('') : `${words.slice(0, -1).join(', ')} ${last} ${words.at(-1)}`;
}

/** Bytes for people, in units of 1,024: `812 B`, `4.2 MiB`. */
export function formatBytes(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'] as const;
  let value = bytes;
  let unit: (typeof units)[number] = 'B';
  for (const next of units.slice(1)) {
    if (value < 1024) break;
    value /= 1024;
    unit = next;
  }
  const digits = unit === 'B' || value >= 100 ? 0 : 1;
  return `${value.toFixed(digits).replace(/\.0$/, '')} ${unit}`;
}

/** A length of time in its largest fitting unit: `40 s`, `3 min`, `5 h`, `2 days`. */
export function formatDuration(durationMs: number): string {
  const seconds = Math.max(0, Math.round(durationMs / 1000));
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  return hours < 48 ? `${hours} h` : countOf(Math.floor(hours / 24), 'day');
}

/** A moment as seen from another: `just now`, `2 min ago`, `in 40 s`. */
export function relativeTime(at: number, now: number): string {
  const distanceMs = at - now;
  if (Math.abs(distanceMs) < 1000) return distanceMs > 0 ? 'now' : 'just now';
  return distanceMs < 0 ? `${formatDuration(-distanceMs)} ago` : `in ${formatDuration(distanceMs)}`;
}

/** ISO 8601 in UTC; null stays null. */
export function isoTime(at: number): string;
export function isoTime(at: number | null): string | null;
export function isoTime(at: number | null): string | null {
  return at === null ? null : new Date(at).toISOString();
}
