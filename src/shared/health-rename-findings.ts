import type { DestinationFacts, HealthFacts } from './health-facts.ts';
import { type NotedFinding, note } from './health-note.ts';
import { countOf, formatNumber } from './wording.ts';

/** A rename in the config that has come to nothing: the new name has books of its own, and two sets are never merged. */
export function renameFindings(destination: DestinationFacts, facts: HealthFacts): NotedFinding[] {
  const { name, formerly } = destination;
  if (formerly === null || !isStranded(destination, facts)) return [];
  const { file } = facts.config;
  return [
    note(
      'destination.rename-not-carried-out',
      {
        seen: `the config file ${file} says that ${name} was formerly ${formerly}, and both have books: ${booksWords(name, facts)} under ${name}, ${booksWords(formerly, facts)} under ${formerly}`,
        effect: `nothing goes on from ${formerly} to ${name}; what waits under ${formerly} is not sent`,
        source: destination.endpoint ?? name,
      },
      {
        title: `${name} has books of its own and did not take over those of ${formerly}`,
        fix: `Give ${name} a name in ${file} that was not used before and leave its "formerly" as it is, or take "formerly" out to leave the books of ${formerly} where they are.`,
      },
    ),
  ];
}

/** Whether these are the books that a rename has left behind: that is told of the destination that has the new name. */
export function isLeftByRename(name: string, facts: HealthFacts): boolean {
  return facts.destinations.some(
    (one) => one.formerly !== null && isSameName(one.formerly, name) && isStranded(one, facts),
  );
}

function isStranded({ name, formerly, removed }: DestinationFacts, facts: HealthFacts): boolean {
  if (removed || formerly === null || isSameName(name, formerly)) return false;
  return hasBooks(name, facts) && hasBooks(formerly, facts);
}

function hasBooks(name: string, facts: HealthFacts): boolean {
  return rowsOf(name, facts).some(({ accepted, refused }) => accepted > 0 || refused > 0);
}

function booksWords(name: string, facts: HealthFacts): string {
  const rows = rowsOf(name, facts);
  const accepted = rows.reduce((sum, row) => sum + row.accepted, 0);
  const pending = rows.reduce((sum, row) => sum + row.pending, 0);
  return `${countOf(accepted, 'data point')} accepted and ${pending === 0 ? 'none' : formatNumber(pending)} waiting`;
}

function rowsOf(name: string, { spool }: HealthFacts) {
  return spool.ledger.filter(({ destination }) => isSameName(destination, name));
}

function isSameName(one: string, other: string): boolean {
  return one.toLowerCase() === other.toLowerCase();
}
