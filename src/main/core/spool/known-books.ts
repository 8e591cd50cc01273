import { signals } from '../../../shared/signal.ts';
import { emptyNumbers, numberNames, openEnd, type Queue } from './queue.ts';
import type { DamagedDatabase, Row } from './salvage.ts';
import type { SpoolDestination } from './spool.ts';
import { successions } from './succession.ts';
import type { Watermark } from './watermark.ts';

/** The books and destinations that a repair goes by, from the best source that can be read. */
export interface KnownBooks {
  readonly commits: number;
  readonly nextId: number;
  readonly names: ReadonlyMap<number, string>;
  readonly queues: readonly Queue[];
  /** True where the source may be older than the data: then losses are estimates. */
  readonly estimated: boolean;
}

/** The newest books. Those in the file are estimates: what the write-ahead log would have added is not known. */
export function bestBooks(
  watermark: KnownBooks | undefined,
  inFile: KnownBooks | undefined,
  fromConfig: () => KnownBooks,
): KnownBooks {
  if (!inFile) return watermark ?? fromConfig();
  if (!watermark || watermark.commits < inFile.commits) return inFile;
  return watermark;
}

export function fromWatermark(watermark: Watermark | undefined): KnownBooks | undefined {
  if (!watermark) return undefined;
  return {
    commits: watermark.commits,
    nextId: watermark.nextId,
    names: new Map(watermark.queues.map(({ destination, destinationId }) => [destinationId, destination])),
    queues: watermark.queues.map(({ destinationId, signal, numbers, subscriptions }) => ({
      destination: destinationId,
      signal,
      numbers,
      subscriptions: subscriptions.map(([first, last]) => ({ first, last })),
      inFlight: [],
      oldestAt: null,
    })),
    estimated: false,
  };
}

export function fromTables(damaged: DamagedDatabase | undefined): KnownBooks | undefined {
  const state = damaged?.table('state')?.[0];
  const destinations = damaged?.table('destination');
  const queues = damaged?.table('queue');
  const subscriptions = damaged?.table('subscription');
  if (!state || !destinations || !queues || queues.length === 0 || !subscriptions) return undefined;
  if (!isCount(state.commits) || !isCount(state.next_id)) return undefined;
  if (!queues.every((row) => numberNames.every((name) => Number.isSafeInteger(row[name])))) return undefined;
  return {
    commits: Number(state.commits),
    nextId: Number(state.next_id),
    names: new Map(destinations.map((row) => [Number(row.id), String(row.name)])),
    queues: queues.map((row) => {
      const numbers = emptyNumbers();
      for (const name of numberNames) numbers[name] = Number(row[name]);
      return {
        destination: Number(row.destination),
        signal: Number(row.signal),
        numbers,
        subscriptions: subscriptions
          .filter((one) => one.destination === row.destination && one.signal === row.signal)
          .map((one) => ({ first: Number(one.first), last: one.last === null ? openEnd : Number(one.last) })),
        inFlight: [],
        oldestAt: null,
      };
    }),
    estimated: true,
  };
}

/** Without any books, everything that is found counts as accepted for, and owed to, the destinations of today. */
export function fromConfig(destinations: readonly SpoolDestination[], inFile: readonly Row[]): KnownBooks {
  const ids = new Map(inFile.map((row) => [String(row.name), Number(row.id)]));
  const known = { names: [...ids.keys()], hasBooks: () => true, placeholder: undefined };
  for (const { from, to } of successions(destinations, known)) {
    ids.set(to, ids.get(from) ?? 0);
    ids.delete(from);
  }
  for (const { name } of destinations) {
    if (!ids.has(name)) ids.set(name, Math.max(0, ...ids.values()) + 1);
  }
  return {
    commits: 0,
    nextId: 1,
    names: new Map([...ids].map(([name, id]) => [id, name])),
    queues: [...ids].flatMap(([name, id]) =>
      signals.map((signalName, signal) => ({
        destination: id,
        signal,
        numbers: emptyNumbers(),
        subscriptions: destinations.some((one) => one.name === name && one.signals.includes(signalName))
          ? [{ first: 1, last: openEnd }]
          : [],
        inFlight: [],
        oldestAt: null,
      })),
    ),
    estimated: true,
  };
}

export function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && Number(value) >= 0;
}
