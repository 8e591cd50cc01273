import { parentPort, workerData } from 'node:worker_threads';
import type { FromService, ServiceOptions, ToService } from './protocol.ts';
import { createSpoolService } from './service.ts';

/** The spool's thread: SQLite is synchronous, and a commit waits for the disk. */
const port = parentPort;
if (!port) throw new Error('spool/worker is started as a worker thread');

const options = workerData as ServiceOptions;
const receive = createSpoolService(
  { ...options, now: Date.now },
  (message: FromService) => port.postMessage(message),
  setImmediate,
);
port.on('message', (message: ToService) => receive(message));
