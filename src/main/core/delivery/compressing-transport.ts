import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { aborted, type Transport } from './transport.ts';

const gzipAsync = promisify(gzip);

/**
 * Measured on merged Claude Code requests, 1 MiB: level 1 takes 3.5 ms for a ratio of 10, level 3 the same for 11, level 6
 * 9 ms for 19. A drain after an outage is bound by the processor, so the cheap end wins.
 */
const level = 3;

/** Sends every body with gzip, which every OTLP/HTTP server must accept. Compresses outside this thread. */
export function createCompressingTransport(inner: Transport): Transport {
  return {
    async send(request) {
      const body = await gzipAsync(request.body, { level });
      if (request.signal?.aborted) return aborted(false);
      return inner.send({ ...request, body, headers: { ...request.headers, 'content-encoding': 'gzip' } });
    },
    closeIdle: () => inner.closeIdle(),
  };
}
