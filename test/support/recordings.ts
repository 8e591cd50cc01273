import { readFileSync } from 'node:fs';
import type { Signal } from '../../src/shared/signal.ts';

const folder = new URL('../fixtures/claude-code/2.1.328/', import.meta.url);

/** What Claude Code 2.1.328 sent for a signal. The two encodings are of different runs. */
export function recorded(signal: Signal, encoding: 'pb' | 'json'): Buffer {
  return readFileSync(new URL(`${signal}.${encoding}`, folder));
}
