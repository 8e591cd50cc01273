import { systemClock } from '../../src/main/core/clock.ts';
import { grpcFront } from '../../src/main/core/receiver/grpc-server.ts';
import { httpFront } from '../../src/main/core/receiver/http-server.ts';
import { createIntake } from '../../src/main/core/receiver/intake.ts';
import { createReceiver } from '../../src/main/core/receiver/receiver.ts';

/** [grpc]: the relay's receiver with nothing behind it: what it would do if it need not keep anything. Prints its port. */
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
  front: process.argv[2] === 'grpc' ? grpcFront : httpFront,
  ports: () => ({ http: 0, grpc: 0 }),
});
await receiver.start();
process.stdout.write(`${receiver.port}\n`);
