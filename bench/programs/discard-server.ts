import { systemClock } from '../../src/main/core/clock.ts';
import { httpFront } from '../../src/main/core/receiver/http-server.ts';
import { createIntake } from '../../src/main/core/receiver/intake.ts';
import { createReceiver } from '../../src/main/core/receiver/receiver.ts';

/** The relay's receiver with nothing behind it: what it would do if it need not keep anything. Prints its port. */
const quiet = () => undefined;
const intake = createIntake({
  clock: systemClock,
  log: { info: quiet, warn: quiet, error: quiet },
  accept: () => Promise.resolve(1),
  refuse: quiet,
});
const receiver = createReceiver({
  port: 0,
  intake,
  front: httpFront,
  ports: () => ({ http: 0, grpc: 0 }),
});
await receiver.start();
process.stdout.write(`${receiver.port}\n`);
