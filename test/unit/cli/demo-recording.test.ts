import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { recording } from '../../../src/main/cli/demo/recording.ts';
import { signals } from '../../../src/shared/signal.ts';

const fixtures = new URL('../../fixtures/claude-code/2.1.328/', import.meta.url);

test.each(signals)('the recorded %s are byte for byte what Claude Code sent', async (signal) => {
  const sent = await readFile(new URL(`${signal}.pb`, fixtures));
  expect(Buffer.from(recording[signal]).equals(sent)).toBe(true);
});
