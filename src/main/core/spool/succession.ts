import type { SpoolDestination } from './spool.ts';

/** Books that go on under another name: the queue, its history and its quarantine with them. */
export interface Succession {
  readonly from: string;
  readonly to: string;
  /** Only what was kept for nobody in particular goes over, into the queue and books that `to` has. */
  readonly only?: 'kept';
}

/** What is known of the destinations that have a place in the spool. */
export interface Predecessors {
  /** The names in the spool, in the order in which they came into it. */
  readonly names: readonly string[];
  /** Whether anything was ever booked under this name. */
  readonly hasBooks: (name: string) => boolean;
  /** The name that stands in for a destination that is not configured yet. */
  readonly placeholder: string | undefined;
  /** The placeholder's name has books of a destination of its own, which are not to be given away. */
  readonly isMixed?: boolean;
}

/**
 * Which books the configured destinations take over, in order. A destination without books of its own takes over those of
 * the name that differs from its own only in letter case (the config does not tell such names apart), else those of the
 * name that it had formerly, unless that is configured too. What was kept for nobody in particular goes to the first
 * destination without books; where all have some, the first of them gets it into its own. Pure.
 */
export function successions(
  destinations: readonly SpoolDestination[],
  { names, hasBooks, placeholder, isMixed = false }: Predecessors,
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
  if (placeholder === undefined || !free.includes(placeholder)) return found;
  const candidates = destinations.filter((one) => one.placeholder !== true);
  const empty = candidates.find(({ name }) => !settled.has(name));
  const heir = empty ?? candidates[0];
  if (heir === undefined) return found;
  const whole = { from: placeholder, to: heir.name };
  return [...found, empty && !isMixed ? whole : { ...whole, only: 'kept' }];
}

/** The candidate of this name; else the first that differs from it only in letter case. */
function named(name: string, candidates: readonly string[]): string | undefined {
  return candidates.find((one) => one === name) ?? candidates.find((one) => isSameName(one, name));
}

function isSameName(a: string, b: string): boolean {
  return a.toLowerCase() === b.toLowerCase();
}
