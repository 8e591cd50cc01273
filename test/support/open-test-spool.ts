import { onTestFinished } from 'vitest';
import { silentLog } from '../../src/main/core/log.ts';
import { openSpool, type SpoolOptions } from '../../src/main/core/spool/open-spool.ts';
import type { Spool, SpoolDestination, SpoolEvent } from '../../src/main/core/spool/spool.ts';
import { imbalance } from '../../src/shared/ledger.ts';
import { signals } from '../../src/shared/signal.ts';
import { payload } from './payload.ts';
import { ampleLimits } from './spool-limits.ts';

export const toSpan: readonly SpoolDestination[] = [{ name: 'span', signals }];

export interface TestSpool {
  readonly spool: Spool;
  readonly events: SpoolEvent[];
}

/** The spool in its worker thread, as the agent opens it; closed when the test is over. */
export async function openTestSpool(folder: string, options: Partial<SpoolOptions> = {}): Promise<TestSpool> {
  const destinations = options.destinations ?? toSpan;
  const spool = openSpool({
    folder,
    limits: ampleLimits,
    log: silentLog,
    integrityCheckAfterMs: 0,
    ...options,
    destinations,
  });
  const events: SpoolEvent[] = [];
  spool.on((event) => void events.push(event));
  onTestFinished(() => spool.close());
  await spool.setDestinations(destinations);
  return { spool, events };
}

/** Stores `count` log requests of `bytes` each and 2 points each; what it stored by id. */
export async function fill(spool: Spool, count: number, bytes = 3000): Promise<Map<number, Uint8Array>> {
  const stored = new Map<number, Uint8Array>();
  for (let at = 0; at < count; at += 200) {
    const bodies = Array.from({ length: Math.min(200, count - at) }, (_, n) => payload(at + n, bytes));
    const ids = await Promise.all(bodies.map((body) => spool.accept({ signal: 'logs', points: 2, body })));
    for (const [n, id] of ids.entries()) stored.set(id, bodies[n] ?? new Uint8Array());
  }
  return stored;
}

/** Delivers all that is owed; the requests by id, in the order in which they came out. */
export async function drain(spool: Spool, destination = 'span'): Promise<Map<number, Uint8Array>> {
  const delivered = new Map<number, Uint8Array>();
  for (const signal of signals) {
    for (;;) {
      const batch = await spool.pick(destination, signal, { maxBytes: 1024 * 1024, maxRequests: 1000 });
      if (!batch) break;
      for (const { id, offset, length } of batch.requests) delivered.set(id, batch.body.slice(offset, offset + length));
      const upTo = batch.requests.at(-1)?.id ?? 0;
      await spool.settle(destination, signal, { outcome: 'delivered', upTo, rejectedPoints: 0 });
    }
  }
  return delivered;
}

/** The sentences in which the books or the rows contradict each other; none when all is well. */
export async function contradictions(spool: Spool): Promise<readonly string[]> {
  const problems = [...(await spool.verify())];
  for (const row of spool.books().ledger) {
    if (imbalance(row) !== 0) problems.push(`${row.destination} ${row.signal} does not balance`);
  }
  return problems;
}

/** The books of one destination's logs. */
export function logsOf(spool: Spool, destination = 'span') {
  const books = spool.books();
  const row = books.ledger.find((one) => one.destination === destination && one.signal === 'logs');
  const level = books.pending.find((one) => one.destination === destination && one.signal === 'logs');
  if (!row || !level) throw new Error(`${destination} has no books`);
  return { ...row, level };
}
