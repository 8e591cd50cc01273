import { assertNever } from '../../../shared/assert-never.ts';
import type { Signal } from '../../../shared/signal.ts';
import type { JsonObject } from './decode.ts';
import { transcodeJson } from './json.ts';

/**
 * A small real OTLP request of the relay's own, to see whether a destination takes one: one point of `span_relay.test`.
 *
 * Made from OTLP/JSON for all three signals alike. otlp-transformer would want SDK objects (resources, readable spans,
 * log records) whose packages are not ours, and 20 MB to load, for what is one literal here.
 *
 * @param now wall time in milliseconds.
 * @param attributes as OTEL_RESOURCE_ATTRIBUTES: put on the resource and, as Claude Code does, on the point too.
 */
export function testRequest(signal: Signal, now: number, attributes: Readonly<Record<string, string>>): Uint8Array {
  const json = Buffer.from(JSON.stringify(testJson(signal, now, attributes)));
  const transcoding = transcodeJson(signal, json);
  if (!transcoding.ok) throw new Error(`The test request is malformed: ${transcoding.problem}`);
  return transcoding.body;
}

const name = 'span_relay.test';

/** The `service.name` of test requests. */
export const ownServiceName = 'span-relay';

function testJson(signal: Signal, now: number, attributes: Readonly<Record<string, string>>): JsonObject {
  const pairs = keyValues(attributes);
  const resource = { attributes: keyValues({ ...attributes, 'service.name': ownServiceName }) };
  const scope = { name: 'span-relay' };
  const time = unixNano(now);
  const start = unixNano(now - 1);
  switch (signal) {
    case 'metrics': {
      const dataPoints = [{ startTimeUnixNano: start, timeUnixNano: time, asInt: '1', attributes: pairs }];
      const sum = { aggregationTemporality: 1, isMonotonic: true, dataPoints };
      const metric = { name, description: 'A test of the way to the destination', unit: '1', sum };
      return { resourceMetrics: [{ resource, scopeMetrics: [{ scope, metrics: [metric] }] }] };
    }
    case 'logs': {
      const record = {
        timeUnixNano: time,
        observedTimeUnixNano: time,
        severityNumber: 9,
        severityText: 'INFO',
        eventName: name,
        body: { stringValue: name },
        attributes: [...pairs, ...keyValues({ 'event.name': 'test' })],
      };
      return { resourceLogs: [{ resource, scopeLogs: [{ scope, logRecords: [record] }] }] };
    }
    case 'traces': {
      const span = {
        traceId: randomHex(16),
        spanId: randomHex(8),
        name,
        kind: 1,
        startTimeUnixNano: start,
        endTimeUnixNano: time,
        attributes: pairs,
      };
      return { resourceSpans: [{ resource, scopeSpans: [{ scope, spans: [span] }] }] };
    }
    default:
      return assertNever(signal);
  }
}

function keyValues(attributes: Readonly<Record<string, string>>): JsonObject[] {
  return Object.entries(attributes).map(([key, stringValue]) => ({ key, value: { stringValue } }));
}

function unixNano(milliseconds: number): string {
  return `${BigInt(Math.round(milliseconds)) * 1_000_000n}`;
}

function randomHex(bytes: number): string {
  return Buffer.from(crypto.getRandomValues(new Uint8Array(bytes))).toString('hex');
}
