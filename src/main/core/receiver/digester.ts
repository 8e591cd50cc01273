import { Worker } from 'node:worker_threads';
import type { Signal } from '../../../shared/signal.ts';
import type { Clock } from '../clock.ts';
import type { Log } from '../log.ts';
import type { OtlpContentType } from '../otlp/status.ts';
import { type Digest, wholeBuffer } from './digest.ts';
import type { DigestDone, DigestJob } from './digest-worker.ts';

/** Enough for the JSON of a 64 MiB body; a body that needs more ends the worker, not the process. */
const maxHeapMegabytes = 1024;

/** Digests large bodies in a worker thread that is started when needed and ended after a while without work. */
export class Digester {
  readonly #idleMs: number;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #waiting = new Map<number, (result: Digest | undefined) => void>();
  #worker: Worker | undefined;
  #lastId = 0;
  #cancelIdle: () => void = () => undefined;

  constructor(options: { idleMs: number; clock: Clock; log: Log }) {
    this.#idleMs = options.idleMs;
    this.#clock = options.clock;
    this.#log = options.log;
  }

  /** Takes the memory of `body`. Undefined when the worker failed: the next call starts another one. */
  digest(signal: Signal, contentType: OtlpContentType, body: Uint8Array): Promise<Digest | undefined> {
    return new Promise((resolve) => {
      this.#cancelIdle();
      this.#worker ??= this.#start();
      const whole = wholeBuffer(body);
      const job: DigestJob = { id: ++this.#lastId, signal, contentType, body: whole };
      this.#waiting.set(job.id, resolve);
      this.#worker.postMessage(job, [whole.buffer]);
    });
  }

  /** Ends the worker; what it was at resolves as undefined. */
  async close(): Promise<void> {
    this.#cancelIdle();
    await this.#worker?.terminate();
  }

  #start(): Worker {
    const extension = import.meta.url.endsWith('.ts') ? '.ts' : '.js';
    const worker = new Worker(new URL(`./digest-worker${extension}`, import.meta.url), {
      resourceLimits: { maxOldGenerationSizeMb: maxHeapMegabytes },
    });
    worker.unref();
    worker.on('message', ({ id, result }: DigestDone) => {
      const resolve = this.#waiting.get(id);
      this.#waiting.delete(id);
      resolve?.(result);
      if (this.#waiting.size === 0) this.#cancelIdle = this.#clock.after(this.#idleMs, () => this.#retire(worker));
    });
    worker.on('error', (error) =>
      this.#log.error('receiver: the worker for large bodies failed', { error: error.name }),
    );
    worker.on('exit', () => this.#forget(worker));
    return worker;
  }

  #retire(worker: Worker): void {
    // Forgotten before it ends, so that the next body does not go to a worker that is ending.
    this.#forget(worker);
    void worker.terminate();
  }

  #forget(worker: Worker): void {
    if (this.#worker !== worker) return;
    this.#worker = undefined;
    const lost = [...this.#waiting.values()];
    this.#waiting.clear();
    for (const resolve of lost) resolve(undefined);
  }
}
