import { systemClock } from '../../src/main/core/clock.ts';
import { createReceiver } from '../../src/main/core/receiver/receiver.ts';

/** The relay's receiver with nothing behind it: what it would do if it need not keep anything. Prints its port. */
const quiet = () => undefined;
const receiver = createReceiver({
  port: 0,
  clock: systemClock,
  log: { info: quiet, warn: quiet, error: quiet },
  accept: () => Promise.resolve(1),
  refuse: quiet,
});
await receiver.start();
process.stdout.write(`${receiver.port}\n`);
