import { readFile, writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { type Results, renderResults } from './report.ts';
import { measureDestinations } from './suites/destinations.ts';
import { measureDrain } from './suites/drain.ts';
import { measureEnrichment } from './suites/enrichment.ts';
import { measureGrowth } from './suites/growth.ts';
import { measureGrpc } from './suites/grpc.ts';
import { measureIdle } from './suites/idle.ts';
import { measureProfiles } from './suites/profile.ts';
import { measureRestart } from './suites/restart.ts';
import { measureThroughput } from './suites/throughput.ts';
import type { Context } from './support/context.ts';
import { describeMachine } from './support/machine.ts';

/**
 * Measures the built relay. See README.md beside this file.
 *
 *     npm run bench -- [--quick] [--only SUITE]
 *
 * A whole run writes its results into results.json and README.md; any other only prints them.
 */
const { values } = parseArgs({
  options: { quick: { type: 'boolean', default: false }, only: { type: 'string' } },
});

const suites = {
  throughput: measureThroughput,
  destinations: measureDestinations,
  grpc: measureGrpc,
  enrichment: measureEnrichment,
  idle: measureIdle,
  restart: measureRestart,
  drain: measureDrain,
  growth: measureGrowth,
  profiles: measureProfiles,
} as const;
const names = Object.keys(suites) as (keyof typeof suites)[];
const chosen = names.filter((name) => values.only === undefined || name === values.only);
if (chosen.length === 0) throw new Error(`There is no suite '${values.only}'. The suites are ${names.join(', ')}.`);
if (process.platform !== 'linux') throw new Error('The benchmark reads /proc and needs Linux.');

const startedAt = performance.now();
const context: Context = {
  quick: values.quick,
  say: (what) => process.stderr.write(`${Math.round((performance.now() - startedAt) / 1_000)} s  ${what}\n`),
};
const machine = await describeMachine();
const results: Record<string, unknown> = {};

/** Whatever hangs: a run ends by then, with everything that it started, and tells what it has. */
const giveUpAfterMs = 18 * 60_000;
setTimeout(() => {
  process.stderr.write(`The benchmark is not done after ${giveUpAfterMs / 60_000} minutes and gives up.\n`);
  process.stdout.write(renderResults(soFar()), () => process.exit(1));
}, giveUpAfterMs).unref();

for (const name of chosen) {
  try {
    results[name] = await suites[name](context);
  } catch (error) {
    // One suite that fails does not take the others' results along.
    process.stderr.write(`${name}: ${error instanceof Error ? error.stack : String(error)}\n`);
    process.exitCode = 1;
  }
}
const all = soFar();
const markdown = renderResults(all);
process.stdout.write(markdown);

if (values.only === undefined && !values.quick && process.exitCode !== 1) {
  await writeFile(new URL('results.json', import.meta.url), `${JSON.stringify(all, rounded, 2)}\n`);
  const readme = new URL('README.md', import.meta.url);
  const text = await readFile(readme, 'utf8');
  const between = /(<!-- results -->\n)[\s\S]*(<!-- end of results -->)/;
  await writeFile(
    readme,
    text.replace(between, (_, start: string, end: string) => `${start}\n${markdown}\n${end}`),
  );
}

function soFar(): Results {
  return { machine, tookSeconds: Math.round((performance.now() - startedAt) / 1_000), ...results };
}

/** Four figures are more than any of this is worth. */
function rounded(_: string, value: unknown): unknown {
  if (typeof value !== 'number' || Number.isInteger(value)) return value;
  return Number(value.toPrecision(4));
}
