import * as v from 'valibot';
import { type ConfigProblem, problem } from './config-problem.ts';
import {
  type DestinationReading,
  type DestinationSettings,
  destinationNameOf,
  nameMistake,
  readDestination,
  readingOf,
} from './destination-settings.ts';
import { anObject } from './schemas.ts';

export interface DestinationsReading {
  /** Each with a name of its own. */
  readonly destinations: readonly DestinationReading[];
  /** Of entries that are left out, because nobody can tell whose they are. */
  readonly problems: readonly ConfigProblem[];
}

/** Reads the list of destinations of one file. */
export function readDestinations(
  entries: readonly unknown[],
  lastGood: readonly DestinationSettings[],
): DestinationsReading {
  const destinations: DestinationReading[] = [];
  const problems: ConfigProblem[] = [];
  const taken = new Set<string>();
  const unnamed = unnamedBy(entries, lastGood);
  const leftOut = ['this destination is left out', ...unnamed.map(keptWords)].join('; ');
  let anyLeftOut = false;
  for (const [index, entry] of entries.entries()) {
    const at = `destinations[${index}]`;
    const name = destinationNameOf(entry);
    const isTaken = name !== undefined && taken.has(name.toLowerCase());
    if (name === undefined || isTaken || !v.is(anObject, entry)) {
      const { key, expected, found } = isTaken
        ? { key: '.name', expected: 'a name of its own', found: `"${name}" again` }
        : nameMistake(entry);
      problems.push(problem(`${at}${key}`, expected, found, leftOut));
      anyLeftOut = true;
      continue;
    }
    taken.add(name.toLowerCase());
    destinations.push(readDestination(entry, at, name));
  }
  // An entry without a usable name may be any of them, and what is not configured is owed nothing.
  const kept = anyLeftOut ? unnamed : [];
  return {
    destinations: [...destinations, ...kept.map((one) => readingOf(one, `"${one.name}"`))],
    problems,
  };
}

/** The last good destinations that no entry names. */
function unnamedBy(
  entries: readonly unknown[],
  lastGood: readonly DestinationSettings[],
): readonly DestinationSettings[] {
  const named = new Set(entries.map((entry) => destinationNameOf(entry)?.toLowerCase()));
  return lastGood.filter(({ name }) => !named.has(name.toLowerCase()));
}

function keptWords({ name }: DestinationSettings): string {
  return `"${name}", which no entry names, stays as it was, because this may be it`;
}
