/** A receiver on descriptors 3 and 4, until its standard input ends. Prints its facts. */
import { systemClock } from '../../src/main/core/clock.ts';
import { silentLog } from '../../src/main/core/log.ts';
import { httpFront } from '../../src/main/core/receiver/http-server.ts';
import { createIntake } from '../../src/main/core/receiver/intake.ts';
import { createReceiver } from '../../src/main/core/receiver/receiver.ts';

const intake = createIntake({
  clock: systemClock,
  log: silentLog,
  accept: async () => 1,
  refuse: () => undefined,
});
const receiver = createReceiver({
  port: 0,
  inheritedFds: [3, 4],
  intake,
  front: httpFront,
  ports: () => ({ http: 14_318, grpc: 14_317 }),
});
await receiver.start();
console.log(JSON.stringify(receiver.facts()));
process.stdin.resume();
process.stdin.on('end', () => receiver.stop({ drainMs: 0 }));
