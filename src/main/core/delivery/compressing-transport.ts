import { gzip } from './gzip.ts';
import { aborted, type Transport } from './transport.ts';

/** Sends every body with gzip, which every OTLP/HTTP server must accept. */
export function createCompressingTransport(inner: Transport): Transport {
  return {
    async send(request) {
      const body = await gzip(request.body);
      if (request.signal?.aborted) return aborted(false);
      return inner.send({ ...request, body, headers: { ...request.headers, 'content-encoding': 'gzip' } });
    },
    closeIdle: () => inner.closeIdle(),
  };
}
