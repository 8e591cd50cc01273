import { afterEach, expect, test } from 'vitest';
import { systemClock } from '../../../../src/main/core/clock.ts';
import { lineLog } from '../../../../src/main/core/log.ts';
import { digest, wholeBuffer } from '../../../../src/main/core/receiver/digest.ts';
import { Digester } from '../../../../src/main/core/receiver/digester.ts';
import type { Signal } from '../../../../src/shared/signal.ts';
import { recorded } from '../../../support/recordings.ts';

const json = recorded('logs', 'json');
const lines: string[] = [];
const digester = new Digester({ idleMs: 60_000, clock: systemClock, log: lineLog((line) => lines.push(line)) });

afterEach(() => digester.close());

test('the worker thread digests as this thread does', async () => {
  const inWorker = await digester.digest('logs', 'application/json', Uint8Array.from(json));
  const here = digest('logs', 'application/json', json);
  expect(inWorker?.ok && here.ok && Buffer.compare(inWorker.body, here.body)).toBe(0);
  expect(await digester.digest('logs', 'application/json', Buffer.from('{'))).toMatchObject({ ok: false });
});

test('when the worker fails the request is told so, and the next one gets a new worker', async () => {
  const crashing = 'nonsense' as Signal;
  expect(await digester.digest(crashing, 'application/json', Uint8Array.from(json))).toBeUndefined();
  expect(lines.join('')).toMatch(/the worker for large bodies failed/);
  expect(await digester.digest('logs', 'application/json', Uint8Array.from(json))).toMatchObject({ ok: true });
});

test('only buffers without neighbours are handed over', () => {
  const neighbours = Buffer.from('abcdef').subarray(2, 4);
  expect(wholeBuffer(neighbours).buffer.byteLength).toBe(2);
  const alone = new Uint8Array(10);
  expect(wholeBuffer(alone).buffer).toBe(alone.buffer);
});
