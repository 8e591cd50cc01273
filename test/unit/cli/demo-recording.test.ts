import { expect, test } from 'vitest';
import { recording } from '../../../src/main/cli/demo/recording.ts';
import { signals } from '../../../src/shared/signal.ts';
import { recorded } from '../../support/recordings.ts';

test.each(signals)('the recorded %s are byte for byte what Claude Code sent', (signal) => {
  expect(Buffer.from(recording[signal]).equals(recorded(signal, 'pb'))).toBe(true);
});
