import { type Finding, type FindingId, type FindingWords, finding, wordsOf } from './finding.ts';
import type { HealthFacts } from './health-facts.ts';
import { pointNoun, type Signal } from './signal.ts';
import { countOf } from './wording.ts';

export const dayMs = 24 * 60 * 60_000;

/** A finding with the one sentence that it is worth as a headline: the cause and the next step. */
export interface NotedFinding {
  readonly finding: Finding;
  readonly headline: string;
}

/** What a finding says besides its title and fix. */
export interface About {
  readonly seen: string;
  readonly effect: string;
  readonly source: string;
}

/** What is owed to one destination, or to all of them together; of all signals or of some. */
export function pendingOf({ spool }: HealthFacts, destination?: string, signals?: readonly Signal[]) {
  const rows = spool.pending.filter(
    (row) =>
      (destination === undefined || row.destination === destination) &&
      (signals === undefined || signals.includes(row.signal)),
  );
  const oldest = rows.map((row) => row.oldestAt).filter((at) => at !== null);
  return {
    requests: rows.reduce((sum, row) => sum + row.requests, 0),
    points: rows.reduce((sum, row) => sum + row.points, 0),
    bytes: rows.reduce((sum, row) => sum + row.bytes, 0),
    oldestAt: oldest.length === 0 ? null : Math.min(...oldest),
  };
}

/** `1,204 data points are safe on disk and wait`. */
export function waitingWords(points: number, noun = 'data point'): string {
  if (points === 0) return 'nothing is lost, and nothing is waiting yet';
  return `${countOf(points, noun)} ${points === 1 ? 'is safe on disk and waits' : 'are safe on disk and wait'}`;
}

/** What one item of a signal is called: `log record`. */
export function nounOf(signal: Signal): string {
  return pointNoun[signal].replace(/s$/, '');
}

/**
 * The finding's detail is what was seen and the effect, each made a sentence, unless `detail` says it better.
 * The headline is the title, or the `summary` where the title alone does not name the cause, with the next step.
 */
export function note(
  id: FindingId,
  about: {
    readonly seen?: string;
    readonly detail?: string;
    readonly effect?: string;
    readonly source: string;
    readonly summary?: string;
  },
  words: FindingWords = {},
): NotedFinding {
  const { seen, effect, source } = about;
  const detail =
    about.detail ??
    [seen, effect]
      .filter((part) => part !== undefined)
      .map(sentence)
      .join(' ');
  const { title, fix } = wordsOf(id, words);
  return {
    finding: finding(id, { detail, source }, words),
    headline: `${about.summary ?? title}: ${lowerFirst(fix)}`,
  };
}

/** Words with a full stop, and a capital letter where they start with a word: a host or a key keeps its own. */
function sentence(words: string): string {
  const text = words.trim().replace(/^[a-z]+(?=[ ,])/, (word) => `${word.charAt(0).toUpperCase()}${word.slice(1)}`);
  return /[.!?]$/.test(text) ? text : `${text}.`;
}

/** For words that go on after a colon; a name in capitals keeps them. */
function lowerFirst(words: string): string {
  return words.replace(/^[A-Z](?=[a-z]*[ ,])/, (letter) => letter.toLowerCase());
}
