import { fileURLToPath } from 'node:url';
import { type Signal, signals } from '../../src/shared/signal.ts';
import { runProgram } from '../support/children.ts';
import type { Context } from '../support/context.ts';

/** Microseconds per recorded request of Claude Code. */
export interface EnrichmentRow {
  readonly signal: Signal;
  readonly bytes: number;
  /** The yardstick: the walk over the whole request that it takes to be accepted. */
  readonly inspect: number;
  readonly identity: number;
  /** The request has the attribute already. */
  readonly present: number;
  readonly one: number;
  readonly three: number;
  readonly replaced: number;
  /** One attribute, in a batch of 1 MiB. */
  readonly merged: number;
}

/** What the relay's attributes cost the thread that also accepts telemetry. */
export async function measureEnrichment({ quick, say }: Context): Promise<readonly EnrichmentRow[]> {
  say('enrichment');
  const recordings = signals.flatMap((signal) => [
    signal,
    fileURLToPath(new URL(`../../test/fixtures/claude-code/2.1.328/${signal}.pb`, import.meta.url)),
  ]);
  return await runProgram<EnrichmentRow[]>('enrichment', [quick ? 3 : 51, ...recordings], 120_000);
}
