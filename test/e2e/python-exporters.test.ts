import { expect, test } from 'vitest';
import { type Signal, signals } from '../../src/shared/signal.ts';
import { findPythonExporters } from '../support/python.ts';
import { itemsOf } from '../support/telemetry.ts';
import { until } from '../support/until.ts';
import type { Vendor } from '../support/vendor.ts';
import { startTwoWays } from './two-ways.ts';

for (const protocol of ['http', 'grpc'] as const) {
  const python = await findPythonExporters(protocol);
  const exportTo = 'skipped' in python ? undefined : python.exportTo;
  const skipped = 'skipped' in python ? ` (skipped: ${python.skipped})` : '';

  test.skipIf(exportTo === undefined)(
    `OpenTelemetry's Python exporters for ${protocol} through the relay${skipped}`,
    async () => {
      await using ways = await startTwoWays(protocol);
      const { direct, behindRelay } = ways;

      expect(await exportTo?.(direct.url, ways.relayUrl)).toMatchObject({ exitCode: 0, stderr: '' });

      const counts: Record<Signal, number> = { metrics: 5, logs: 4, traces: 2 };
      for (const signal of signals) {
        await until(
          `all ${signal} arrive`,
          async () => (await itemsOf(signal, behindRelay.accepted)).length >= counts[signal],
        );
        expect(bytesOf(signal, behindRelay)).toEqual(bytesOf(signal, direct));
        expect(await itemsOf(signal, behindRelay.accepted)).toHaveLength(counts[signal]);
      }
    },
  );
}

function bytesOf(signal: Signal, { accepted }: Pick<Vendor, 'accepted'>): Buffer {
  return Buffer.concat(accepted.filter((request) => request.signal === signal).map(({ body }) => body));
}
