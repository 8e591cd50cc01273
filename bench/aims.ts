import type { Results } from './report.ts';
import { count, megabytes, microseconds, ms, percent, times } from './support/words.ts';

interface Aim {
  readonly what: string;
  readonly aim: string;
  /** Undefined where its suite was not run. */
  readonly measured: number | undefined;
  readonly words: (value: number) => string;
  readonly met: (value: number) => boolean;
}

/** What the relay is built to reach on two cores, as rows: what, aim, measured, met or missed. */
export function aimsOf(results: Results): readonly (readonly string[])[] {
  return listAims(results).map(({ what, aim, measured, words, met }) => [
    what,
    aim,
    measured === undefined ? 'not measured' : words(measured),
    measured === undefined ? '' : met(measured) ? 'met' : '**missed**',
  ]);
}

/** By how much the measures at a million may differ from those at a thousand and still be called flat: the machine's noise. */
const flatWithin = 1.5;

function listAims({
  throughput,
  grpc,
  destinations,
  enrichment,
  idle,
  restart,
  drain,
  growth,
}: Results): readonly Aim[] {
  const at = (connections: number) => throughput?.rows.find((row) => row.connections === connections);
  const first = growth?.at(0);
  const full = growth?.at(-1);
  const stored = full ? count(full.stored) : 'a full spool';
  const ratio = (value: (row: NonNullable<typeof full>) => number) =>
    first && full ? value(full) / value(first) : undefined;
  return [
    atLeast('acknowledged per second, 64 connections', 15_000, at(64)?.relay.perSecond, count),
    below('p99 at 64 connections', 25, at(64)?.relay.p99Ms, ms),
    atLeast('acknowledged per second, 1 connection', 2_500, at(1)?.relay.perSecond, count),
    atLeast('of the same server that throws the body away, 64 connections', 0.6, at(64)?.ofDiscarding, percent),
    atLeast(
      'acknowledged by gRPC, 64 connections, of that by HTTP',
      0.6,
      grpc?.rows.find(({ concurrent }) => concurrent === 64)?.ofHttp,
      percent,
    ),
    atLeast(
      'delivered to the last of eight healthy destinations, beside one that is down and one slow, of that to a single one',
      0.9,
      destinations && destinations.ten.fewestPerSecond / destinations.single.deliveredPerSecond,
      percent,
    ),
    below(
      'one attribute added to a metrics export of 3 KB',
      5,
      enrichment?.find(({ signal }) => signal === 'metrics')?.one,
      microseconds,
    ),
    below('memory, idle', 80, idle?.memory.rss, megabytes),
    below('memory, highest at 64 connections', 200, idle?.accepting.peak, megabytes),
    below('memory, highest while also delivering', 200, idle?.delivering.peak, megabytes),
    below(
      `memory, idle, more with ${stored} stored`,
      30,
      first && full && full.memory.rss - first.memory.rss,
      megabytes,
    ),
    below('start to the first 200, empty spool', 300, restart?.start.toFirst200Ms, ms),
    below(`start to the first 200, ${stored} stored`, 500, full?.start.toFirst200Ms, ms),
    below('kill -9 to the first 200, worst', 500, restart?.afterKill.worstMs, ms),
    below('refused or reset connections in planned restarts', 0, lostConnections(restart), count),
    below(`drain of ${drain ? `${count(drain.requests)} ` : ''}stored requests`, 5_000, drain?.cleanMs, ms),
    below('processor, idle', 0.002, idle?.cpu.share, (share) => percent(share, 2)),
    flat(
      'acknowledged per second, most stored to fewest',
      'falls',
      ratio(({ accept }) => accept.perSecond),
    ),
    flat(
      'start, most stored to fewest',
      'grows',
      ratio(({ start }) => start.toFirst200Ms),
    ),
    flat(
      'status call, most stored to fewest',
      'grows',
      ratio(({ statusMs }) => statusMs),
    ),
    flat(
      'pick and settle 1 MiB, most stored to fewest',
      'grows',
      ratio(({ batch }) => batch.pickMs + batch.settleMs),
    ),
    flat(
      'drain rate, most stored to fewest',
      'falls',
      ratio(({ drainPerSecond }) => drainPerSecond),
    ),
  ];
}

function lostConnections(restart: Results['restart']): number | undefined {
  return restart && restart.planned.refused + restart.planned.reset;
}

function atLeast(what: string, limit: number, measured: number | undefined, words: Aim['words']): Aim {
  return { what, aim: `≥ ${words(limit)}`, measured, words, met: (value) => value >= limit };
}

function below(what: string, limit: number, measured: number | undefined, words: Aim['words']): Aim {
  return { what, aim: `≤ ${words(limit)}`, measured, words, met: (value) => value <= limit };
}

function flat(what: string, badWhenIt: 'grows' | 'falls', measured: number | undefined): Aim {
  const met = (value: number) => (badWhenIt === 'grows' ? value <= flatWithin : value >= 1 / flatWithin);
  return { what, aim: 'flat', measured, words: times, met };
}
