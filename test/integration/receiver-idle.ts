/** A gRPC receiver in a process of its own, where nothing else loads node:http2. Prints after what it is loaded. */
import { connect } from 'node:net';
import { systemClock } from '../../src/main/core/clock.ts';
import { silentLog } from '../../src/main/core/log.ts';
import { get } from '../../src/main/core/node-http.ts';
import { grpcFront } from '../../src/main/core/receiver/grpc-server.ts';
import { createIntake } from '../../src/main/core/receiver/intake.ts';
import { createReceiver } from '../../src/main/core/receiver/receiver.ts';
import { preface } from '../support/http2-frames.ts';

/** Node's own list; it has no type. */
function isLoaded(): boolean {
  const loaded: unknown = Reflect.get(process, 'moduleLoadList');
  return Array.isArray(loaded) && loaded.includes('NativeModule internal/http2/core');
}

const intake = createIntake({ clock: systemClock, log: silentLog, accept: async () => 1, refuse: () => undefined });
const receiver = createReceiver({ port: 0, intake, front: grpcFront, ports: () => ({ http: 14_318, grpc: 14_317 }) });
await receiver.start();
const start = isLoaded();
await new Promise((resolve) => {
  get({ host: '127.0.0.1', port: receiver.port, path: '/healthz', agent: false }, (answer) => {
    answer.resume().on('end', resolve);
  });
});
const http = isLoaded();
const client = connect({ host: '127.0.0.1', port: receiver.port });
client.write(preface);
await new Promise((resolve) => client.once('data', resolve));
const http2 = isLoaded();
client.destroy();
console.log(JSON.stringify({ start, http, http2 }));
await receiver.stop({ drainMs: 0 });
await intake.close();
