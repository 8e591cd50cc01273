/** The endpoint as it is stored: without a trailing slash, and without `/v1/<signal>`, which the relay appends itself. */
export function normaliseEndpoint(endpoint: string): string {
  return endpoint
    .trim()
    .replace(/\/+$/, '')
    .replace(/(?:\/v1\/(?:metrics|logs|traces))+$/, '')
    .replace(/\/+$/, '');
}

/** What is wrong with an endpoint, as the words after "expected"; undefined when nothing is. */
export function endpointMistake(
  endpoint: string,
  rules: { readonly allowInsecure: boolean; readonly ownPorts: readonly number[] },
): string | undefined {
  if (!URL.canParse(endpoint)) return 'an http(s) URL such as https://otel.example.com';
  const url = new URL(endpoint);
  if (url.protocol !== 'https:' && url.protocol !== 'http:') return 'an http(s) URL such as https://otel.example.com';
  if (url.username !== '' || url.password !== '') return 'a URL without user name and password (put them into headers)';
  if (url.search !== '' || url.hash !== '' || /[?#]/.test(endpoint)) return 'a URL without query and fragment';
  if (url.protocol === 'http:' && !isLoopback(url.hostname) && !rules.allowInsecure) {
    return 'https, or "allowInsecure": true to send telemetry and credentials unencrypted';
  }
  // Telemetry that the relay sends to itself would go round for ever.
  if (isLoopback(url.hostname) && rules.ownPorts.includes(portOf(url))) {
    return "another address than the relay's own";
  }
  return undefined;
}

function portOf(url: URL): number {
  if (url.port !== '') return Number(url.port);
  return url.protocol === 'https:' ? 443 : 80;
}

function isLoopback(hostname: string): boolean {
  return (
    hostname === 'localhost' ||
    hostname.endsWith('.localhost') ||
    hostname === '[::1]' ||
    /^127\.\d+\.\d+\.\d+$/.test(hostname)
  );
}
