import type { BlockedVerdict } from './classify.ts';

/** What web servers in front of a destination answer to the connection, not to the request: nginx, Apache, Go's. */
const plainOnTls =
  /plain HTTP request was sent to HTTPS port|sent an HTTP request to an HTTPS server|speaking plain HTTP to an SSL-enabled server/i;
const noClientCertificate = /No required SSL certificate was sent/i;
const badClientCertificate = /The SSL certificate error/i;

/**
 * A 400 that says nothing of the data: by the words that such servers use. The data would be set aside as malformed for a
 * mistake in the config. Undefined for any other 400.
 */
export function classifyFront(status: number, body: Uint8Array, host: string): BlockedVerdict | undefined {
  const text = new TextDecoder().decode(body.subarray(0, 2_048));
  if (plainOnTls.test(text)) {
    const message = `${host} takes https, not http (HTTP ${status}). Correct the endpoint.`;
    return { kind: 'blocked', by: 'endpoint', error: { kind: 'endpoint', status, message } };
  }
  const certificate = (message: string): BlockedVerdict => ({
    kind: 'blocked',
    by: 'client-certificate',
    error: { kind: 'client-certificate', status, message },
  });
  if (noClientCertificate.test(text)) {
    return certificate(
      `${host} asks for a client certificate (HTTP ${status}). Put its file and that of its key into clientCert and clientKey of this destination.`,
    );
  }
  if (badClientCertificate.test(text)) {
    return certificate(
      `${host} refuses the client certificate (HTTP ${status}). Put a current one into clientCert and clientKey of this destination.`,
    );
  }
  return undefined;
}
