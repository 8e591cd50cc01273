import { type Agent, request as httpRequest } from 'node:http';
import { transcodeJson } from '../../src/main/core/otlp/json.ts';
import type { Signal } from '../../src/shared/signal.ts';
import { varint } from './varint.ts';
import type { Vendor } from './vendor.ts';

/**
 * Small OTLP requests that can be told apart: one point each, with a number as an attribute, so that points, requests and
 * numbers are the same count.
 */
const digits = 10;
const placeholder = `n#${'0'.repeat(digits)}#`;

/** As in most telemetry; what has none is told by health. */
const somebody = attribute('work_email', 'dev@example.com');

const templates: Readonly<Record<Signal, Buffer>> = {
  metrics: template('metrics', (attributes) => ({
    resourceMetrics: [
      {
        resource: { attributes: [attribute('service.name', 'claude-code'), somebody] },
        scopeMetrics: [
          {
            scope: { name: 'com.anthropic.claude_code' },
            metrics: [
              {
                name: 'claude_code.session.count',
                sum: {
                  aggregationTemporality: 1,
                  isMonotonic: true,
                  dataPoints: [{ timeUnixNano: '1', asInt: '1', attributes }],
                },
              },
            ],
          },
        ],
      },
    ],
  })),
  logs: template('logs', (attributes) => ({
    resourceLogs: [
      {
        resource: { attributes: [somebody] },
        scopeLogs: [{ logRecords: [{ timeUnixNano: '1', body: { stringValue: 'api_request' }, attributes }] }],
      },
    ],
  })),
  traces: template('traces', (attributes) => ({
    resourceSpans: [
      {
        scopeSpans: [
          { spans: [{ traceId: 'a'.repeat(32), spanId: 'b'.repeat(16), name: 'turn', kind: 1, attributes }] },
        ],
      },
    ],
  })),
};

function attribute(key: string, stringValue: string) {
  return { key, value: { stringValue } };
}

function template(signal: Signal, json: (attributes: readonly unknown[]) => object): Buffer {
  const result = transcodeJson(signal, Buffer.from(JSON.stringify(json([attribute('request.number', placeholder)]))));
  if (!result.ok) throw new Error(`The template of ${signal} is malformed: ${result.problem}`);
  return Buffer.from(result.body);
}

/** An encoded request with this number, and with so many bytes of ballast. */
export function numberedRequest(signal: Signal, number: number, ballastBytes = 0): Buffer {
  const body = Buffer.from(templates[signal]);
  body.write(String(number).padStart(digits, '0'), body.indexOf(placeholder) + 2, 'latin1');
  if (ballastBytes === 0) return body;
  // Field 1000, length-delimited, which the request's message does not know.
  return Buffer.concat([body, Buffer.from([0xc2, 0x3e, ...varint(ballastBytes)]), Buffer.alloc(ballastBytes, 'x')]);
}

/** The numbers in an encoded request, merged or not, in order. */
export function numbersIn(body: Uint8Array): number[] {
  return [
    ...Buffer.from(body.buffer, body.byteOffset, body.byteLength)
      .toString('latin1')
      .matchAll(/n#(\d{10})#/g),
  ].map((match) => Number(match[1]));
}

/** The numbers in all that a vendor has taken, in the order in which they came. */
export function numbersTakenBy({ accepted }: Pick<Vendor, 'accepted'>): number[] {
  return accepted.flatMap(({ body }) => numbersIn(body));
}

/** The status of the answer; rejects with the connection's error. */
export function post(
  port: number,
  signal: Signal,
  body: Uint8Array,
  options: { readonly agent?: Agent | false; readonly headers?: Readonly<Record<string, string>> } = {},
): Promise<number> {
  const { agent = false, headers = {} } = options;
  return new Promise((resolve, reject) => {
    const request = httpRequest({
      host: '127.0.0.1',
      port,
      path: `/v1/${signal}`,
      method: 'POST',
      agent,
      headers: { 'content-type': 'application/x-protobuf', 'content-length': body.length, ...headers },
    });
    request.once('response', (response) => {
      // The answer counts as soon as its status is here; a connection that breaks after it takes nothing back.
      response.once('error', () => undefined);
      response.resume();
      resolve(response.statusCode ?? 0);
    });
    request.once('error', reject);
    request.end(body);
  });
}
