import { type Finding, type FindingId, finding } from './finding.ts';
import type { HealthFacts } from './health-facts.ts';
import { countOf } from './wording.ts';

export const dayMs = 24 * 60 * 60_000;

/** A finding with what it means for the data, as a clause for the headline. */
export interface NotedFinding {
  readonly finding: Finding;
  readonly effect: string;
}

/** What is owed to one destination, or to all of them together. */
export function pendingOf({ spool }: HealthFacts, destination?: string) {
  const rows = spool.pending.filter((row) => destination === undefined || row.destination === destination);
  const oldest = rows.map((row) => row.oldestAt).filter((at) => at !== null);
  return {
    requests: rows.reduce((sum, row) => sum + row.requests, 0),
    points: rows.reduce((sum, row) => sum + row.points, 0),
    bytes: rows.reduce((sum, row) => sum + row.bytes, 0),
    oldestAt: oldest.length === 0 ? null : Math.min(...oldest),
  };
}

/** `1,204 data points are safe on disk and wait`. */
export function waitingWords(points: number): string {
  if (points === 0) return 'nothing is lost, and nothing is waiting yet';
  return `${countOf(points, 'data point')} ${points === 1 ? 'is safe on disk and waits' : 'are safe on disk and wait'}`;
}

/** The finding's detail is what was seen and the effect, each made a sentence, unless `detail` says it better. */
export function note(
  id: FindingId,
  about: {
    readonly seen?: string;
    readonly detail?: string;
    readonly effect: string;
    readonly source: string;
  },
  overrides: Partial<Pick<Finding, 'title' | 'fix'>> = {},
): NotedFinding {
  const { seen, effect, source } = about;
  const detail =
    about.detail ??
    [seen, effect]
      .filter((words) => words !== undefined)
      .map(sentence)
      .join(' ');
  return { finding: finding(id, { detail, source }, overrides), effect };
}

/** Words with a full stop, and a capital letter where they start with a word: a host or a key keeps its own. */
function sentence(words: string): string {
  const text = words.trim().replace(/^[a-z]+(?=[ ,])/, (word) => `${word.charAt(0).toUpperCase()}${word.slice(1)}`);
  return /[.!?]$/.test(text) ? text : `${text}.`;
}
