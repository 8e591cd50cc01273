import type { ServerResponse } from 'node:http';
import { STATUS_CODES } from '../node-http.ts';
import { encodeStatus, type OtlpContentType } from '../otlp/status.ts';
import type { Refusal } from './refusal.ts';

// An Export…ServiceResponse whose partial_success is unset: nothing in protobuf, an empty object in JSON.
const successHeaders: Readonly<Record<OtlpContentType, string[]>> = {
  'application/x-protobuf': ['Content-Type', 'application/x-protobuf', 'Content-Length', '0'],
  'application/json': ['Content-Type', 'application/json', 'Content-Length', '2'],
};
const lastSuccessHeaders: Readonly<Record<OtlpContentType, string[]>> = {
  'application/x-protobuf': [...successHeaders['application/x-protobuf'], 'Connection', 'close'],
  'application/json': [...successHeaders['application/json'], 'Connection', 'close'],
};

/** The answer to a request that is on disk. `last`: the connection ends with it. */
export function sendSuccess(response: ServerResponse, contentType: OtlpContentType, last: boolean): void {
  response.writeHead(200, (last ? lastSuccessHeaders : successHeaders)[contentType]);
  if (contentType === 'application/json') response.end('{}');
  else response.end();
}

export function sendRefusal(
  response: ServerResponse,
  contentType: OtlpContentType,
  refusal: Refusal,
  last: boolean,
): void {
  const body = encodeStatus(contentType, refusal.code, refusal.message);
  response.writeHead(refusal.status, refusalHeaders(contentType, refusal, body.length, last));
  response.end(body);
}

/** A refusal as it goes over the wire, for where there is no request to answer through. Ends the connection. */
export function encodeRefusal(refusal: Refusal): Uint8Array {
  const body = encodeStatus('application/json', refusal.code, refusal.message);
  const headers = refusalHeaders('application/json', refusal, body.length, true);
  let head = `HTTP/1.1 ${refusal.status} ${STATUS_CODES[refusal.status]}\r\n`;
  for (let index = 0; index < headers.length; index += 2) head += `${headers[index]}: ${headers[index + 1]}\r\n`;
  return Buffer.concat([Buffer.from(`${head}\r\n`), body]);
}

function refusalHeaders(contentType: OtlpContentType, refusal: Refusal, length: number, last: boolean): string[] {
  const headers = ['Content-Type', contentType, 'Content-Length', String(length)];
  if (refusal.retryAfterSeconds !== undefined) headers.push('Retry-After', String(refusal.retryAfterSeconds));
  if (refusal.allow !== undefined) headers.push('Allow', refusal.allow);
  if (last) headers.push('Connection', 'close');
  return headers;
}

export function sendHealth(response: ServerResponse, ready: boolean, last: boolean): void {
  const body = JSON.stringify({ service: 'span-relay', status: ready ? 'ready' : 'starting' });
  const headers = ['Content-Type', 'application/json', 'Content-Length', String(body.length)];
  if (last) headers.push('Connection', 'close');
  response.writeHead(ready ? 200 : 503, headers);
  response.end(body);
}
