import { readFileSync } from 'node:fs';
import { identityOf } from '../../src/main/core/otlp/attributes.ts';
import { type Attribute, Enricher } from '../../src/main/core/otlp/enrich.ts';
import { inspectRequest } from '../../src/main/core/otlp/inspect.ts';
import { isSignal } from '../../src/shared/signal.ts';
import { median } from '../support/stats.ts';

/**
 * ROUNDS SIGNAL FILE [SIGNAL FILE]...: what looking for an identity and adding attributes cost per recorded request, in
 * microseconds, as JSON. Every round measures everything once, so that a disturbance does not fall on one measure only.
 */
const [rounds = '0', ...recordings] = process.argv.slice(2);
const roundMs = 10;
const mergedBytes = 2 ** 20;

const attribute = (key: string, value: string, override = false): Attribute => ({ key, value, override });
const missing = attribute('team', 'platform');
const enrichers = {
  present: new Enricher([attribute('work_email', 'dev@example.com')]),
  one: new Enricher([missing]),
  three: new Enricher([missing, attribute('user.email', 'dev@example.com'), attribute('cost.center', '4711')]),
  replaced: new Enricher([attribute('work_email', 'somebody.else@example.com', true)]),
};

const rows = recordings.flatMap((signal, index) => {
  const file = recordings[index + 1];
  return isSignal(signal) && file !== undefined ? [measuresOf(signal, readFileSync(file))] : [];
});
for (let round = 0; round < Number(rounds); round++) {
  for (const { measures } of rows) for (const measure of measures) measure.times.push(timeOf(measure));
}
process.stdout.write(
  `${JSON.stringify(
    rows.map(({ signal, bytes, measures }) => ({
      signal,
      bytes,
      ...Object.fromEntries(measures.map(({ name, times }) => [name, median(times)])),
    })),
  )}\n`,
);

interface Measure {
  readonly name: string;
  readonly run: () => unknown;
  /** That one run stands for. */
  readonly requests: number;
  readonly times: number[];
}

function measuresOf(signal: Parameters<typeof identityOf>[0], body: Buffer) {
  const requests = Math.floor(mergedBytes / body.length);
  const merged = Buffer.concat(Array<Buffer>(requests).fill(body));
  const measure = (name: string, run: () => unknown, requests = 1): Measure => ({ name, run, requests, times: [] });
  const measures = [
    measure('inspect', () => inspectRequest(signal, body)),
    measure('identity', () => identityOf(signal, body)),
    measure('present', () => enrichers.present.enrich(signal, body)),
    measure('one', () => enrichers.one.enrich(signal, body)),
    measure('three', () => enrichers.three.enrich(signal, body)),
    measure('replaced', () => enrichers.replaced.enrich(signal, body)),
    measure('merged', () => enrichers.one.enrich(signal, merged), requests),
  ];
  return { signal, bytes: body.length, measures };
}

/** Per request, in microseconds. */
function timeOf({ run, requests }: Measure): number {
  const startedAt = performance.now();
  let runs = 0;
  let elapsedMs = 0;
  while (elapsedMs < roundMs) {
    for (let batch = 0; batch < 10; batch++) run();
    runs += 10;
    elapsedMs = performance.now() - startedAt;
  }
  return (elapsedMs * 1_000) / (runs * requests);
}
