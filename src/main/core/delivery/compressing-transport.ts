import type { Gzip } from './gzip.ts';
import { aborted, type Transport } from './transport.ts';

/** Sends every body with gzip, which every OTLP/HTTP server must accept. */
export function createCompressingTransport(inner: Transport, gzip: Gzip): Transport {
  return {
    send: (request) =>
      gzip.compress(request.body, async (body) => {
        if (request.signal?.aborted) return aborted(false);
        return inner.send({ ...request, body, headers: { ...request.headers, 'content-encoding': 'gzip' } });
      }),
    closeIdle: () => inner.closeIdle(),
  };
}
