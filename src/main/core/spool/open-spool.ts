import { Worker } from 'node:worker_threads';
import type { Log } from '../log.ts';
import { siblingModule } from '../sibling-module.ts';
import { type Port, SpoolClient } from './client.ts';
import { spoolFiles } from './files.ts';
import type { ServiceOptions } from './protocol.ts';
import { createSpoolService } from './service.ts';
import type { Spool } from './spool.ts';

export interface SpoolOptions extends ServiceOptions {
  readonly log: Log;
  /**
   * `worker` (the default): a thread of its own. `same`: in the caller's thread, with the caller's clock, for run times
   * whose worker threads misbehave and for tests that turn the clock.
   */
  readonly thread?: 'worker' | { readonly same: true; readonly now: () => number };
  /** When to read the whole file for damage after the start, and once a day from then on; default 10 s. 0 switches it off. */
  readonly integrityCheckAfterMs?: number;
}

/** Opens the spool. Returns at once: everything that is asked of it waits until it is open or has been repaired. */
export function openSpool(options: SpoolOptions): Spool {
  const { folder, limits, destinations, thread = 'worker' } = options;
  const service: ServiceOptions = { folder, limits, destinations };
  return new SpoolClient({
    service,
    log: options.log,
    integrityCheckAfterMs: options.integrityCheckAfterMs ?? 10_000,
    connect: (now) => (thread === 'worker' ? workerPort(now) : samePort(now, thread.now)),
    findDamage: () => findDamage(spoolFiles(folder).database),
  });
}

/** The spool in a worker thread of its own. */
export function workerPort(options: ServiceOptions): Port {
  const worker = new Worker(siblingModule(import.meta.url, './worker'), {
    workerData: options,
    name: 'spool',
    // Payloads are outside of V8's heap: what is in it is short-lived, and a large nursery would only be kept.
    resourceLimits: { maxOldGenerationSizeMb: 512, maxYoungGenerationSizeMb: 12 },
  });
  return {
    post: (message, transfer) => worker.postMessage(message, transfer),
    onMessage: (listener) => void worker.on('message', listener),
    onEnd: (listener) => {
      worker.on('error', (error) => listener(error.message));
      worker.on('exit', () => listener('the spool thread ended'));
    },
    end: () => void worker.terminate(),
  };
}

function samePort(options: ServiceOptions, now: () => number): Port {
  const listeners: Parameters<Port['onMessage']>[0][] = [];
  const receive = createSpoolService(
    { ...options, now },
    (message) => {
      for (const listener of listeners) listener(message);
    },
    setImmediate,
  );
  return {
    post: (message) => receive(message),
    onMessage: (listener) => void listeners.push(listener),
    onEnd: () => undefined,
    end: () => undefined,
  };
}

/** In a short-lived thread of its own, so that nobody waits for it. */
export function findDamage(database: string): Promise<string | undefined> {
  return new Promise((resolve) => {
    const worker = new Worker(siblingModule(import.meta.url, './integrity-worker'), { workerData: database });
    worker.unref();
    worker.once('message', (damage: string | undefined) => resolve(damage));
    worker.once('error', () => resolve(undefined));
    worker.once('exit', () => resolve(undefined));
  });
}
