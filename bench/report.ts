import { aimsOf } from './aims.ts';
import type { Destinations } from './suites/destinations.ts';
import type { Drain } from './suites/drain.ts';
import type { EnrichmentRow } from './suites/enrichment.ts';
import type { GrowthRow } from './suites/growth.ts';
import type { Grpc } from './suites/grpc.ts';
import type { Idle } from './suites/idle.ts';
import type { Profile } from './suites/profile.ts';
import type { Restart } from './suites/restart.ts';
import type { Throughput } from './suites/throughput.ts';
import type { Load } from './support/load.ts';
import type { Machine } from './support/machine.ts';
import type { Memory } from './support/process-facts.ts';
import { count, megabytes, microseconds, ms, percent, table, times } from './support/words.ts';

/** All that one run found; a suite that was not run, or failed, is missing. */
export interface Results {
  readonly machine: Machine;
  readonly tookSeconds: number;
  readonly throughput?: Throughput;
  readonly destinations?: Destinations;
  readonly grpc?: Grpc;
  readonly enrichment?: readonly EnrichmentRow[];
  readonly idle?: Idle;
  readonly restart?: Restart;
  readonly drain?: Drain;
  readonly growth?: readonly GrowthRow[];
  readonly profiles?: readonly Profile[];
}

/** The results as Markdown. */
export function renderResults(results: Results): string {
  const { machine, tookSeconds, throughput, grpc, destinations, enrichment, idle, restart, drain, growth, profiles } =
    results;
  const sections = [
    renderMachine(machine, tookSeconds),
    `### Aims\n\n${table(['', 'aim', 'measured', ''], aimsOf(results))}`,
    throughput && renderThroughput(throughput),
    grpc && renderGrpc(grpc),
    destinations && renderDestinations(destinations),
    enrichment && renderEnrichment(enrichment),
    idle && renderIdle(idle),
    restart && renderRestart(restart),
    drain && renderDrain(drain),
    growth && renderGrowth(growth),
    profiles && renderProfiles(profiles),
  ];
  return `${sections.filter((section) => section !== undefined).join('\n\n')}\n`;
}

function renderMachine(machine: Machine, tookSeconds: number): string {
  const { cores, processor, memoryGiB, system, fileSystem, node, date, loadAverage } = machine;
  return [
    `Measured on ${date}: ${cores} cores (${processor}), ${memoryGiB} GiB of memory, ${system}, ${fileSystem}, Node ${node}.`,
    `The load average before the run was ${loadAverage.toFixed(1)}. The run took ${Math.round(tookSeconds)} s.`,
  ].join('\n');
}

function renderThroughput({ rows, delivering, generator, repetitions }: Throughput): string {
  const main = rows.map(({ connections, relay, discarding, rawPerSecond, byNodeClient, ofDiscarding, ofRaw }) => [
    count(connections),
    ...loadCells(relay),
    count(discarding.perSecond),
    percent(ofDiscarding),
    count(rawPerSecond),
    percent(ofRaw),
    ...loadCells(byNodeClient),
  ]);
  const errors = rows.reduce((sum, { relay, byNodeClient }) => sum + relay.errors + byNodeClient.errors, 0);
  return [
    '### Acknowledged requests per second',
    `Every request is on disk before its 200. Medians of ${repetitions}, load by ${generator}; ${errors} errors.`,
    table(
      [
        'connections',
        'relay /s',
        'p50',
        'p99',
        'body thrown away /s',
        'relay of that',
        'raw disk /s',
        'relay of that',
        'Node client /s',
        'p50',
        'p99',
      ],
      main,
    ),
    `With a destination that is up, at 64 connections: ${count(delivering.perSecond)}/s accepted (p50 ${ms(delivering.p50Ms)}, p99 ${ms(delivering.p99Ms)}) while ${count(delivering.deliveredPerSecond)}/s were delivered.`,
  ].join('\n\n');
}

function renderDestinations({ perSecond, repetitions, single, ten }: Destinations): string {
  return [
    '### Several destinations',
    `${count(perSecond)} requests are offered per second; the slow destination answers each of the relay's requests after 2 s, the one that is down refuses connections. Medians of ${repetitions}; ${single.accepted.errors + ten.accepted.errors} errors.`,
    table(
      [
        '',
        'accepted /s',
        'p50',
        'p99',
        'delivered /s to a healthy one',
        'to the last of them',
        'requests of the relay /s',
        'cores',
        'memory, highest',
      ],
      [single, ten].map((row) => [
        row.what,
        ...loadCells(row.accepted),
        count(row.deliveredPerSecond),
        count(row.fewestPerSecond),
        count(row.answeredPerSecond),
        row.cpu.toFixed(2),
        megabytes(row.memoryPeak),
      ]),
    ),
  ].join('\n\n');
}

function renderGrpc({ rows, memory, repetitions }: Grpc): string {
  const load = ['/s', 'p50', 'p99'];
  const errors = rows.reduce((sum, row) => sum + row.grpc.errors + row.http.errors + row.oneConnection.errors, 0);
  return [
    '### The same by gRPC',
    `Exports at once, each on a connection of its own; beside that, all on one connection. Clients of the same kind for both protocols; medians of ${repetitions}; ${errors} errors.`,
    table(
      ['at once', ...named('gRPC', load), ...named('HTTP', load), 'gRPC of HTTP', ...named('one connection', load)],
      rows.map(({ concurrent, grpc, http, ofHttp, oneConnection }) => [
        count(concurrent),
        ...loadCells(grpc),
        ...loadCells(http),
        percent(ofHttp),
        ...loadCells(oneConnection),
      ]),
    ),
    `Highest memory after 10 s at 64 connections: ${megabytes(memory.grpc.peak)} by gRPC, ${megabytes(memory.http.peak)} by HTTP.`,
  ].join('\n\n');
}

function named(what: string, [first = '', ...others]: readonly string[]): string[] {
  return [`${what} ${first}`, ...others];
}

function loadCells({ perSecond, p50Ms, p99Ms }: Load): string[] {
  return [count(perSecond), ms(p50Ms), ms(p99Ms)];
}

function renderEnrichment(rows: readonly EnrichmentRow[]): string {
  return [
    '### Attributes, per request',
    "Medians, in this process and without the rest of the relay. Enriching happens when a batch is sent, so the last column is what an outage's backlog costs.",
    table(
      [
        '',
        'bytes',
        'inspected (yardstick)',
        'identity looked for',
        'attribute there already',
        'one added',
        'three added',
        'one replaced',
        'one added, in 1 MiB',
      ],
      rows.map(({ signal, bytes, inspect, identity, present, one, three, replaced, merged }) => [
        signal,
        count(bytes),
        ...[inspect, identity, present, one, three, replaced, merged].map(microseconds),
      ]),
    ),
  ].join('\n\n');
}

function renderIdle({ memory, accepting, delivering, afterLoad, cpu }: Idle): string {
  const row = (what: string, { rss, anonymous, file, peak }: Memory) => [
    what,
    ...[rss, anonymous, file, peak].map(megabytes),
  ];
  return [
    '### At rest',
    table(
      ['', 'resident', 'its own', 'of files', 'highest so far'],
      [
        row('idle, 30 s after the start', memory),
        row('after 10 s at 64 connections', accepting),
        row('the same, with a destination that is up', delivering),
        row('30 s later', afterLoad),
      ],
    ),
    `Processor when idle, over ${cpu.overSeconds} s: ${percent(cpu.share, 2)} of a core.`,
  ].join('\n\n');
}

function renderRestart({ start, afterKill, planned }: Restart): string {
  return [
    '### Start and restart',
    table(
      ['', 'median', 'worst'],
      [
        [
          `start of the process to the first 200 (${start.starts} starts, empty spool)`,
          ms(start.toFirst200Ms),
          ms(start.worstToFirst200Ms),
        ],
        ['start of the process to the ready line', ms(start.toReadyLineMs), ''],
        [
          `kill -9 to the first 200 of the next process (${afterKill.kills} kills)`,
          ms(afterKill.medianMs),
          ms(afterKill.worstMs),
        ],
      ],
    ),
    `${planned.restarts} planned restarts (\`run --replace\`) under ${planned.clients} clients that open a connection for each request: of ${count(planned.acknowledged)} requests ${planned.refused} were refused, ${planned.reset} were reset, ${planned.otherErrors + planned.otherAnswers} failed otherwise; the longest took ${ms(planned.longestMs)}.`,
  ].join('\n\n');
}

function renderDrain({ requests, repetitions, cleanMs, afterOutageMs, backoffMs, otherProtocols }: Drain): string {
  return [
    `### Drain of ${count(requests)} stored requests`,
    table(
      ['', `median of ${repetitions}`],
      [
        ['relay started with a vendor that is up: start of the process to nothing pending', ms(cleanMs)],
        ...otherProtocols.map((row) => [`the same over ${row.protocol}, once`, ms(row.cleanMs)]),
        ['vendor back after 503s: first request that it took to nothing pending', ms(afterOutageMs)],
        ['before that, the wait until the relay tried again', ms(backoffMs)],
      ],
    ),
  ].join('\n\n');
}

function renderGrowth(rows: readonly GrowthRow[]): string {
  const measures: readonly (readonly [string, (row: GrowthRow) => number, (value: number) => string])[] = [
    ['acknowledged/s at 64 connections', ({ accept }) => accept.perSecond, count],
    ['p99 of those', ({ accept }) => accept.p99Ms, ms],
    ['start to the first 200', ({ start }) => start.toFirst200Ms, ms],
    ['start to the ready line', ({ start }) => start.toReadyLineMs, ms],
    ['resident memory, idle', ({ memory }) => memory.rss, megabytes],
    ['status call', ({ statusMs }) => statusMs, ms],
    ['pick 1 MiB', ({ batch }) => batch.pickMs, ms],
    ['settle it', ({ batch }) => batch.settleMs, ms],
    ['delivered/s while draining', ({ drainPerSecond }) => drainPerSecond, count],
    ['disk', ({ diskBytes }) => diskBytes / 1e6, megabytes],
  ];
  const [first] = rows;
  const last = rows.at(-1);
  return [
    '### With more and more stored requests',
    table(
      ['stored', ...rows.map(({ stored }) => count(stored)), 'last to first'],
      measures.map(([what, value, words]) => [
        what,
        ...rows.map((row) => words(value(row))),
        first && last ? times(value(last) / value(first)) : '',
      ]),
    ),
  ].join('\n\n');
}

function renderProfiles(profiles: readonly Profile[]): string {
  const lines = profiles.flatMap(({ what, threads }) => [
    `**${what}**`,
    ...threads.map(
      ({ thread, busy, top }) =>
        `- ${thread} thread, busy ${percent(busy)}: ${top.map(({ name, share }) => `${name} ${percent(share)}`).join(', ')}`,
    ),
    '',
  ]);
  return [
    '### Where the time goes',
    'By `node --cpu-prof`: functions by their own time, as a share of the time in which the thread was busy. `(program)` is native code outside any function, such as system calls.',
    lines.join('\n').trimEnd(),
  ].join('\n\n');
}
