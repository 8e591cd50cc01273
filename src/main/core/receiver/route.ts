import { isSignal, type Signal, signals } from '../../../shared/signal.ts';
import { isLoopbackHost } from './guard.ts';

export type Route =
  | { readonly kind: 'export'; readonly signal: Signal }
  | { readonly kind: 'health' }
  /** `signal`: which telemetry is lost by that, where the path leaves no doubt. */
  | { readonly kind: 'unknown'; readonly hint: string; readonly signal?: Signal }
  /** Somebody takes the relay for a forward proxy. */
  | { readonly kind: 'proxy' }
  /** Right, or not, for the port of the other protocol. */
  | { readonly kind: 'other-protocol'; readonly signal?: Signal };

const health: Route = { kind: 'health' };
const exportRoutes: Readonly<Record<Signal, Route>> = {
  metrics: { kind: 'export', signal: 'metrics' },
  logs: { kind: 'export', signal: 'logs' },
  traces: { kind: 'export', signal: 'traces' },
};

/** Where a request target leads on the HTTP port; `port` is what the hints tell people to put into their settings. */
export function routeOf(target: string, port: number): Route {
  switch (target) {
    case '/v1/metrics':
      return exportRoutes.metrics;
    case '/v1/logs':
      return exportRoutes.logs;
    case '/v1/traces':
      return exportRoutes.traces;
    case '/healthz':
      return health;
    default:
      return unusualRoute(target, port);
  }
}

/** Where an HTTP request leads that came to the gRPC port. */
export function misdirectedRoute(target: string, httpPort: number): Route {
  const route = routeOf(target, httpPort);
  switch (route.kind) {
    case 'export':
    case 'unknown':
      return { kind: 'other-protocol', ...(route.signal && { signal: route.signal }) };
    default:
      return route;
  }
}

function unusualRoute(target: string, port: number): Route {
  const absolute = /^http:\/\/([^/?#]*)(.*)$/i.exec(target);
  if (absolute) {
    // The absolute form overrides Host (RFC 9112, 3.2.2), so it has to pass the same guard.
    if (!isLoopbackHost(absolute[1] ?? '')) return { kind: 'proxy' };
    return routeOf(absolute[2]?.startsWith('/') ? absolute[2] : `/${absolute[2] ?? ''}`, port);
  }
  const query = target.search(/[?#]/);
  if (query >= 0) return routeOf(target.slice(0, query), port);
  return unknownRoute(target, port);
}

function unknownRoute(path: string, port: number): Route {
  const base = `http://127.0.0.1:${port}`;
  const baseHint = `OTEL_EXPORTER_OTLP_ENDPOINT must be the base ${base}: the exporter appends the path itself.`;

  const doubled = /\/v1\/(?:metrics|logs|traces)\/+v1\/(metrics|logs|traces)\/*$/i.exec(path);
  const prefixed = /\/v1\/(metrics|logs|traces)\/*$/i.exec(path);
  const signal = (doubled ?? prefixed)?.[1]?.toLowerCase();
  if (isSignal(signal)) {
    if (doubled) return { kind: 'unknown', signal, hint: `The path is doubled. ${baseHint}` };
    const slash = prefixed?.index === 0 && path.endsWith('/') ? ' without a slash at the end' : '';
    return { kind: 'unknown', signal, hint: `Did you mean /v1/${signal}${slash}? ${baseHint}` };
  }
  if (/Service\/Export$/.test(path)) {
    return {
      kind: 'unknown',
      hint: `This port speaks OTLP over HTTP, not gRPC. Set OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf and OTEL_EXPORTER_OTLP_ENDPOINT=${base}.`,
    };
  }
  const meant = /metric/i.test(path)
    ? 'metrics'
    : /log/i.test(path)
      ? 'logs'
      : /trace|span/i.test(path)
        ? 'traces'
        : '';
  if (meant) return { kind: 'unknown', hint: `Did you mean /v1/${meant}? ${baseHint}` };
  if (/health|ready|live|status/i.test(path)) return { kind: 'unknown', hint: 'Did you mean /healthz?' };
  const paths = signals.map((name) => `/v1/${name}`).join(', ');
  return { kind: 'unknown', hint: `Telemetry goes to ${paths}. ${baseHint}` };
}
