import { expect, test } from 'vitest';
import { type Signal, signals } from '../../src/shared/signal.ts';
import { findPythonExporters } from '../support/python.ts';
import { startRelayProcess } from '../support/relay-process.ts';
import { itemsOf } from '../support/telemetry.ts';
import { until } from '../support/until.ts';
import { startVendor, type Vendor } from '../support/vendor.ts';

const python = await findPythonExporters();
const exportTo = 'skipped' in python ? undefined : python.exportTo;
const skipped = 'skipped' in python ? ` (skipped: ${python.skipped})` : '';

test.skipIf(exportTo === undefined)(`OpenTelemetry's Python exporters through the relay${skipped}`, async () => {
  await using stack = new AsyncDisposableStack();
  const direct = await startVendor();
  stack.defer(() => direct.stop());
  const behindRelay = await startVendor();
  stack.defer(() => behindRelay.stop());
  const relay = stack.use(await startRelayProcess([{ name: 'collector', endpoint: behindRelay.url }]));

  expect(await exportTo?.(direct.url, `http://127.0.0.1:${relay.port}`)).toMatchObject({ exitCode: 0, stderr: '' });

  const counts: Record<Signal, number> = { metrics: 5, logs: 4, traces: 2 };
  for (const signal of signals) {
    await until(
      `all ${signal} arrive`,
      async () => (await itemsOf(signal, behindRelay.accepted)).length >= counts[signal],
    );
    expect(bytesOf(signal, behindRelay)).toEqual(bytesOf(signal, direct));
    expect(await itemsOf(signal, behindRelay.accepted)).toHaveLength(counts[signal]);
  }
});

function bytesOf(signal: Signal, { accepted }: Vendor): Buffer {
  return Buffer.concat(accepted.filter((request) => request.signal === signal).map(({ body }) => body));
}
