/** Why a request is not from a telemetry exporter on this machine. */
export interface GuardProblem {
  readonly status: 400 | 403;
  readonly message: string;
}

const loopbackHost = /^(?:localhost|127(?:\.(?:\d|[1-9]\d|1\d\d|2[0-4]\d|25[0-5])){3}|\[::1\])(?::\d{0,5})?$/i;

const fromBrowser: GuardProblem = {
  status: 403,
  message:
    'Requests from web pages are refused: the request carries Origin, Referer or Sec-Fetch headers, which telemetry exporters never send.',
};

const notLoopback: GuardProblem = {
  status: 403,
  message:
    'The Host header is not a loopback name. Set OTEL_EXPORTER_OTLP_ENDPOINT to http://127.0.0.1 or http://localhost with the port of this relay.',
};

const notOneHost: GuardProblem = {
  status: 400,
  message: 'The request must have exactly one Host header.',
};

const notOneAuthority: GuardProblem = {
  status: 400,
  message: 'The request must have exactly one :authority.',
};

/**
 * Keeps browsers and strangers out. Any web page can make a browser post to 127.0.0.1, and a name that resolves to
 * 127.0.0.1 makes that same-origin (DNS rebinding): both show in headers that a page cannot forge.
 *
 * `rawHeaders` alternates names and values as in `IncomingMessage.rawHeaders`, so that repeated headers are all seen.
 * Those of HTTP/2 hold `:authority` in the place of Host.
 */
export function guard(rawHeaders: readonly string[]): GuardProblem | undefined {
  let hosts = 0;
  let authorities = 0;
  let loopback = true;
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index] ?? '';
    // Only the names that matter are lower-cased: this runs for every request.
    if (name.length === 4) {
      if (name.toLowerCase() !== 'host') continue;
      hosts++;
      loopback &&= isLoopbackHost(rawHeaders[index + 1] ?? '');
    } else if (name.length === 6) {
      if (name.toLowerCase() === 'origin') return fromBrowser;
    } else if (name.length === 7) {
      if (name.toLowerCase() === 'referer') return fromBrowser;
    } else if (name === ':authority') {
      authorities++;
      loopback &&= isLoopbackHost(rawHeaders[index + 1] ?? '');
    } else if (name.length > 9 && name.slice(0, 10).toLowerCase() === 'sec-fetch-') {
      return fromBrowser;
    }
  }
  // HTTP/2 has its own word for the host, and allows the old one beside it (RFC 9113, 8.3.1).
  if (authorities > 1) return notOneAuthority;
  if (hosts !== 1 && (authorities === 0 || hosts > 1)) return notOneHost;
  return loopback ? undefined : notLoopback;
}

/** localhost, 127.0.0.0/8 or [::1], with any port. Not `*.localhost`: not every resolver keeps that on this machine. */
export function isLoopbackHost(host: string): boolean {
  return loopbackHost.test(host);
}
