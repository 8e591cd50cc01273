import { writeFile } from 'node:fs/promises';
import { loadavg } from 'node:os';
import { parseArgs } from 'node:util';
import { relayVersion } from '../../src/main/core/version.ts';
import { findClaudeCode } from '../../test/support/claude-code.ts';
import { startMessagesApi } from '../../test/support/messages-api.ts';
import { type Fault, faults, healthy } from './faults.ts';
import { direct, type Outcome, type Setup, throughRelay } from './measure.ts';
import { type Row, render } from './report.ts';

/**
 * The headline benchmark: the real Claude Code exports metrics and logs directly to a vendor, and through the relay, under
 * the same faults. Prints a Markdown table and writes it to results.md beside this file.
 * Ends with 1 when anything was lost on the way through the relay.
 *
 *     npm run bench:loss -- [--runs N] [--claude-version V] [--only WORDS-OF-A-FAULT]
 *
 * With --only nothing is written.
 */
const { values } = parseArgs({
  options: {
    runs: { type: 'string', default: '10' },
    'claude-version': { type: 'string' },
    only: { type: 'string' },
  },
});
const runs = Number(values.runs);
if (!Number.isInteger(runs) || runs < 1) throw new Error(`--runs takes a whole number from 1, not '${values.runs}'.`);

const claude = await findClaudeCode(values['claude-version']);
if ('skipped' in claude) throw new Error(`This needs Claude Code. ${claude.skipped}`);
await using api = await startMessagesApi();
const setup: Setup = { binary: claude.binary, apiUrl: api.url, runs };

say('how much one run exports');
const loadAverage = loadavg()[0] ?? 0;
const itemsPerRun = (await direct(healthy, { ...setup, runs: 1 })).arrived;
const exported = itemsPerRun * runs;

const rows: Row[] = [];
for (const fault of faults.filter(({ name }) => values.only === undefined || name.includes(values.only))) {
  if (!fault.relayOnly) await measure(fault, 'direct', () => direct(fault, setup));
  await measure(fault, 'through the relay', () => throughRelay(fault, setup, exported));
}

const report = render({
  claudeVersion: claude.version,
  relayVersion,
  runs,
  itemsPerRun,
  loadAverage,
  rows,
  at: new Date(),
});
process.stdout.write(report);
if (values.only === undefined) await writeFile(new URL('results.md', import.meta.url), report);
const lossy = rows.some(({ path, outcome }) => path === 'through the relay' && outcome.arrived < exported);
process.exitCode = lossy ? 1 : 0;

async function measure(fault: Fault, path: Row['path'], run: () => Promise<Outcome>): Promise<void> {
  say(`${fault.name}, ${path}`);
  const outcome = await run();
  rows.push({ fault: fault.name, path, exported, outcome });
  // What was exported is known from the healthy case: no case may show more, and the healthy one not less.
  const witnessed = outcome.acknowledged ?? outcome.seen;
  if (witnessed > exported || (fault === healthy && witnessed < exported)) {
    throw new Error(`${fault.name}, ${path}: ${witnessed} were exported by count, ${exported} by calibration.`);
  }
}

function say(what: string): void {
  process.stderr.write(`${what} …\n`);
}
