import { describe, expect, test } from 'vitest';
import { misdirectedRoute, routeOf } from '../../../../src/main/core/receiver/route.ts';

const port = 14318;

describe('telemetry and health', () => {
  test.each(['metrics', 'logs', 'traces'] as const)('/v1/%s', (signal) => {
    for (const target of [`/v1/${signal}`, `/v1/${signal}?token=x`, `http://127.0.0.1:14318/v1/${signal}`]) {
      expect(routeOf(target, port)).toEqual({ kind: 'export', signal });
    }
  });

  test.each(['/healthz', '/healthz?x', 'http://localhost/healthz'])('%s', (target) => {
    expect(routeOf(target, port)).toEqual({ kind: 'health' });
  });
});

describe('a wrong path is answered with the right one', () => {
  test.each([
    [
      '/v1/metrics/v1/metrics',
      'metrics',
      /doubled.*OTEL_EXPORTER_OTLP_ENDPOINT must be the base http:\/\/127\.0\.0\.1:14318:/,
    ],
    ['/v1/metrics/v1/logs', 'logs', /doubled/],
    ['/v1/traces//v1/traces/', 'traces', /doubled/],
    ['/v1/metrics/', 'metrics', /Did you mean \/v1\/metrics without a slash at the end\?/],
    ['//v1/logs', 'logs', /Did you mean \/v1\/logs\?/],
    ['/otlp/v1/traces', 'traces', /Did you mean \/v1\/traces\?/],
    ['/V1/Metrics', 'metrics', /Did you mean \/v1\/metrics\?/],
    ['/v1/metric', undefined, /Did you mean \/v1\/metrics\?/],
    ['/log', undefined, /Did you mean \/v1\/logs\?/],
    ['/api/v2/spans', undefined, /Did you mean \/v1\/traces\?/],
    ['/health', undefined, /Did you mean \/healthz\?/],
    ['/', undefined, /\/v1\/metrics, \/v1\/logs, \/v1\/traces/],
    ['', undefined, /\/v1\/metrics/],
    ['*', undefined, /\/v1\/metrics/],
    ['/opentelemetry.proto.collector.metrics.v1.MetricsService/Export', undefined, /not gRPC/],
  ])('%s', (path, signal, hint) => {
    const route = routeOf(path, port);
    expect(route).toMatchObject({ kind: 'unknown', ...(signal && { signal }) });
    expect('signal' in route).toBe(signal !== undefined);
    expect(route.kind === 'unknown' && route.hint).toMatch(hint);
  });

  test('and never with the one that was sent', () => {
    const route = routeOf('/secret-path?token=secret', port);
    expect(JSON.stringify(route)).not.toContain('secret');
  });
});

test.each([
  ['/v1/metrics', { kind: 'other-protocol', signal: 'metrics' }],
  ['/otlp/v1/logs', { kind: 'other-protocol', signal: 'logs' }],
  ['/', { kind: 'other-protocol' }],
  ['/healthz', { kind: 'health' }],
  ['http://evil.example/v1/metrics', { kind: 'proxy' }],
])('on the gRPC port %s leads to %j', (target, route) => {
  expect(misdirectedRoute(target, port)).toEqual(route);
});

test('the relay is not a proxy', () => {
  expect(routeOf('http://evil.example/v1/metrics', port)).toEqual({ kind: 'proxy' });
  expect(routeOf('http://127.0.0.1@evil.example/v1/metrics', port)).toEqual({ kind: 'proxy' });
});
