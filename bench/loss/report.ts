import { readFileSync } from 'node:fs';
import { availableParallelism, cpus, release, totalmem, type } from 'node:os';
import type { Outcome } from './measure.ts';

export interface Row {
  readonly fault: string;
  readonly path: 'direct' | 'through the relay';
  /** Data points and log records that the runs exported. */
  readonly exported: number;
  readonly outcome: Outcome;
}

export interface Report {
  readonly claudeVersion: string;
  readonly relayVersion: string;
  readonly runs: number;
  readonly itemsPerRun: number;
  /** Over a minute, when it began. */
  readonly loadAverage: number;
  readonly rows: readonly Row[];
  readonly at: Date;
}

const counts = ['exported', 'arrived', 'lost', 'arrived twice', 'resent'];
const times = ['`claude -p`, ms', 'longer than without telemetry, ms'];

/** The results as Markdown, with the machine they were measured on. */
export function render(report: Report): string {
  const { claudeVersion, relayVersion, runs, itemsPerRun, loadAverage, rows, at } = report;
  const baselineMs = median(rows.flatMap(({ outcome }) => outcome.timings.map((timing) => timing.withoutTelemetryMs)));
  return `# Loss under faults: Claude Code direct, and through Span Relay

\`npm run bench:loss -- --runs ${runs}\`, ${at.toISOString().slice(0, 10)}. Claude Code ${claudeVersion}, metrics and logs over
http/protobuf, Span Relay ${relayVersion}. ${machine()}, load average ${loadAverage.toFixed(1)} at the start.

${table(rows)}
Whatever became of the telemetry, every \`claude -p\` ended with exit code 0 and nothing on standard error.

- **exported**: ${itemsPerRun} data points and log records a run, ${runs} runs: what each run had to export, by a run to a healthy vendor. All
  runs to a healthy vendor agreed with it, and what the relay acknowledged (by its books) or a direct vendor read never
  exceeded it. It cannot be counted in the faulty direct cases themselves: of a refused connection nobody sees anything,
  and from a vendor that hangs Claude Code does not get round to sending the metrics, which follow the logs.
- **arrived**: taken by the vendor, each data point counted once. For the relay after the fault was mended and the relay had
  drained. A vendor that is slow has taken a request when it answers and the client is still there; the one whose relay
  is killed keeps all that it has read, and answers 300 ms later, so that each kill falls between the two.
- **arrived twice**, **resent**: delivery is at least once. Where it is unknown whether a request arrived (a time-out, a kill),
  it is sent again; the relay's books say how often.
- **\`claude -p\`**: median of how long it took to return; and the median of the differences to a run without telemetry right
  before each. Those took ${baselineMs} ms by the median.
- The relay of each case starts with an empty state folder. "Killed" is SIGKILL as soon as \`claude -p\` has returned.
`;
}

function table(rows: readonly Row[]): string {
  const cells = rows.map(({ fault, path, exported, outcome }) => {
    const { arrived, arrivedAgain, resent = '', timings } = outcome;
    const lost = arrived === exported ? 0 : `**${exported - arrived}**`;
    const exportingMs = median(timings.map((timing) => timing.exportingMs));
    const longerMs = median(timings.map((timing) => timing.exportingMs - timing.withoutTelemetryMs));
    return [fault, path, exported, arrived, lost, arrivedAgain, resent, exportingMs, longerMs];
  });
  return markdownTable(
    ['fault', 'path', ...counts, ...times],
    cells.map((row) => row.map(String)),
  );
}

/** Columns are padded, so that the file reads well as it is. The first two hold text, the others numbers. */
function markdownTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((name, column) => Math.max(name.length, ...rows.map((row) => row[column]?.length ?? 0)));
  const isText = (column: number) => column < 2;
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |\n`;
  const padded = (row: readonly string[]) =>
    line(widths.map((width, column) => row[column]?.[isText(column) ? 'padEnd' : 'padStart'](width) ?? ''));
  const rule = widths.map((width, column) => (isText(column) ? '-'.repeat(width) : `${'-'.repeat(width - 1)}:`));
  return [padded(head), line(rule), ...rows.map(padded)].join('');
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length / 2;
  const [low = Number.NaN, high = low] = sorted.slice(Math.ceil(middle) - 1, Math.floor(middle) + 1);
  return Math.round((low + high) / 2);
}

function machine(): string {
  const model = cpus()[0]?.model.trim() ?? 'unknown processor';
  const gibibytes = Math.round(totalmem() / 2 ** 30);
  return `${availableParallelism()} cores (${model}), ${gibibytes} GiB, ${system()}, Node ${process.versions.node}`;
}

function system(): string {
  const kernel = `${type()} ${release()}`;
  if (process.platform !== 'linux') return kernel;
  const name = /^PRETTY_NAME="?([^"\n]*)/m.exec(readFileSync('/etc/os-release', 'utf8'))?.[1];
  return name === undefined ? kernel : `${name}, ${kernel}`;
}
