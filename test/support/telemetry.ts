import { decodeRequest } from '../../src/main/core/otlp/decode.ts';
import type { Signal } from '../../src/shared/signal.ts';

/** One data point, log record or span with everything it hangs on: resource, scope and metric. */
export interface TelemetryItem {
  readonly resource: unknown;
  readonly scope: unknown;
  readonly metric?: unknown;
  readonly item: unknown;
}

interface Encoded {
  /** Undefined for what is not telemetry. */
  readonly signal: Signal | undefined;
  readonly body: Buffer;
  readonly headers: { readonly 'content-type'?: string | undefined };
}

/**
 * Every item of these requests, in an order that does not depend on how they were batched. Protobuf is decoded; JSON is
 * read as it is, so that it can be compared with what a transcoder made of it.
 */
export async function itemsOf(signal: Signal, requests: readonly Encoded[]): Promise<TelemetryItem[]> {
  const ofSignal = requests.filter((request) => request.signal === signal);
  const decoded = await Promise.all(
    ofSignal.map(({ body, headers }) =>
      headers['content-type']?.startsWith('application/json')
        ? (JSON.parse(body.toString()) as unknown)
        : decodeRequest(signal, body),
    ),
  );
  return decoded
    .flatMap((request) => flatten(signal, request))
    .map((item) => ({ item, order: JSON.stringify(item) }))
    .sort((a, b) => (a.order < b.order ? -1 : 1))
    .map(({ item }) => item);
}

const names = {
  metrics: { resources: 'resourceMetrics', scopes: 'scopeMetrics' },
  logs: { resources: 'resourceLogs', scopes: 'scopeLogs', items: 'logRecords' },
  traces: { resources: 'resourceSpans', scopes: 'scopeSpans', items: 'spans' },
} as const;

const metricKinds = ['gauge', 'sum', 'histogram', 'exponentialHistogram', 'summary'] as const;

function flatten(signal: Signal, request: unknown): TelemetryItem[] {
  const { resources, scopes } = names[signal];
  return children(request, resources).flatMap((ofResource) => {
    const { [scopes]: _scopes, ...resource } = fields(ofResource);
    return children(ofResource, scopes).flatMap((ofScope) => {
      const { metrics: _metrics, logRecords: _logRecords, spans: _spans, ...scope } = fields(ofScope);
      const place = { resource: plain(resource), scope: plain(scope) };
      if (signal !== 'metrics') {
        return children(ofScope, names[signal].items).map((item) => ({ ...place, item: plain(item) }));
      }
      return children(ofScope, 'metrics').flatMap((metric) =>
        pointsOf(metric).map((point) => ({ ...place, ...point })),
      );
    });
  });
}

function pointsOf(metric: unknown): { metric: unknown; item: unknown }[] {
  return metricKinds.flatMap((kind) => {
    const { [kind]: data, ...about } = fields(metric);
    if (data === undefined) return [];
    const { dataPoints: _points, ...aboutData } = fields(data);
    const described = plain({ ...about, kind, ...aboutData });
    return children(data, 'dataPoints').map((point) => ({ metric: described, item: plain(point) }));
  });
}

function fields(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? { ...value } : {};
}

function children(value: unknown, name: string): unknown[] {
  const list = fields(value)[name];
  return Array.isArray(list) ? list : [];
}

/** Fields whose default value says something: they are in a oneof, or optional. */
const explicit = new Set([
  ...['stringValue', 'boolValue', 'intValue', 'doubleValue', 'bytesValue', 'arrayValue', 'kvlistValue'],
  ...['asInt', 'asDouble', 'sum', 'min', 'max'],
]);

/** One form for the several that OTLP/JSON allows: keys in order, numbers as text, no fields that have their default. */
function plain(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value === 'number') return String(value);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value)
    .filter(([name, field]) => explicit.has(name) || !isDefault(field))
    .map(([name, field]) => [name, plain(field)] as const);
  return Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1)));
}

function isDefault(value: unknown): boolean {
  if (Array.isArray(value)) return value.length === 0;
  return value === undefined || value === null || value === 0 || value === '0' || value === '' || value === false;
}
