import { Worker } from 'node:worker_threads';
import { siblingModule } from '../../sibling-module.ts';

/**
 * The authorities (PEM) that the system trusts and the runtime does not know, read in a thread of its own: on a Mac with a
 * network filter it takes seconds (nodejs/node issue 63313), in which the receiver has to answer. The runtime reads the
 * system's store once per process: a change is seen after a restart. Rejects when it cannot be read.
 */
export function readSystemAuthorities(): Promise<readonly string[]> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(siblingModule(import.meta.url, './system-authorities-worker'));
    worker.unref();
    worker.once('message', (certificates: readonly string[]) => resolve(certificates));
    worker.once('error', reject);
    worker.once('exit', () => reject(new Error('The thread ended without a result.')));
  });
}
