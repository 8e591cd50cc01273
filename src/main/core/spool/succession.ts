import type { SpoolDestination } from './spool.ts';

/** Books that go on under another name: the queue, its history and its quarantine with them. */
export interface Succession {
  readonly from: string;
  readonly to: string;
}

/** What is known of the destinations that have a place in the spool. */
export interface Predecessors {
  /** The names in the spool, in the order in which they came into it. */
  readonly names: readonly string[];
  /** Whether anything was ever booked under this name. */
  readonly hasBooks: (name: string) => boolean;
  /** The name that stands in for a destination that is not configured yet. */
  readonly placeholder: string | undefined;
}

/**
 * Which books the configured destinations take over, in order. A destination without books of its own takes over those of
 * the name that differs from its own only in letter case (the config does not tell such names apart), else those of the
 * name that it had formerly, unless that is configured too. What was kept for nobody in particular goes to the first
 * destination that is new. Pure.
 */
export function successions(
  destinations: readonly SpoolDestination[],
  { names, hasBooks, placeholder }: Predecessors,
): readonly Succession[] {
  const found: Succession[] = [];
  /** Names that are taken: they have books, or have just got some. */
  const settled = new Set(names.filter(hasBooks));
  const free = names.filter((name) => !destinations.some((one) => one.name === name));
  for (const { name, formerly } of destinations) {
    if (settled.has(name)) continue;
    const others = destinations.filter((one) => one.name !== name);
    const candidates = free.filter((from) => !others.some((other) => isSameName(other.name, from)));
    const from = named(name, candidates) ?? (formerly === undefined ? undefined : named(formerly, candidates));
    if (from === undefined) continue;
    found.push({ from, to: name });
    free.splice(free.indexOf(from), 1);
    settled.add(name);
  }
  const heir = destinations.find(({ name }) => !names.includes(name) && !settled.has(name));
  if (heir && placeholder !== undefined && free.includes(placeholder)) {
    found.push({ from: placeholder, to: heir.name });
  }
  return found;
}

/** The candidate of this name; else the first that differs from it only in letter case. */
function named(name: string, candidates: readonly string[]): string | undefined {
  return candidates.find((one) => one === name) ?? candidates.find((one) => isSameName(one, name));
}

function isSameName(a: string, b: string): boolean {
  return a.toLowerCase() === b.toLowerCase();
}
