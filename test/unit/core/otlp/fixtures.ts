import { readFileSync } from 'node:fs';
import type { JsonObject, JsonValue } from '../../../../src/main/core/otlp/decode.ts';
import {
  isMessageType,
  type MessageType,
  messages,
  pointTypes,
  requestType,
} from '../../../../src/main/core/otlp/schema.ts';
import type { Signal } from '../../../../src/shared/signal.ts';

const folder = new URL('../../../fixtures/claude-code/2.1.328/', import.meta.url);

/** What Claude Code 2.1.328 sent for a signal. The two encodings are of different runs. */
export function recorded(signal: Signal, encoding: 'pb' | 'json'): Buffer {
  return readFileSync(new URL(`${signal}.${encoding}`, folder));
}

export function recordedJson(signal: Signal): JsonObject {
  const parsed: JsonObject = JSON.parse(recorded(signal, 'json').toString());
  return parsed;
}

/** Bytes, by hand: numbers are bytes, strings their UTF-8. */
export function bytes(...parts: (number | string | Uint8Array)[]): Uint8Array {
  return Buffer.concat(parts.map((part) => (typeof part === 'number' ? Buffer.of(part) : Buffer.from(part))));
}

/** A length-delimited field whose number is below 16 and whose content is below 128 bytes. */
export function delimited(number: number, ...parts: (number | string | Uint8Array)[]): Uint8Array {
  const content = bytes(...parts);
  if (number > 15 || content.length > 127) throw new Error('Only for small fields');
  return bytes(number * 8 + 2, content.length, content);
}

/** How many points an OTLP/JSON request has, by the schema. */
export function countPoints(signal: Signal, request: JsonObject): number {
  return countIn(requestType[signal], request);
}

function countIn(type: MessageType, value: JsonValue | undefined): number {
  if (Array.isArray(value)) return value.reduce<number>((sum, element) => sum + countIn(type, element), 0);
  if (typeof value !== 'object' || value === null) return 0;
  let count = pointTypes.has(type) ? 1 : 0;
  for (const [name, field] of Object.entries(messages[type])) {
    if (isMessageType(field.type)) count += countIn(field.type, Reflect.get(value, name));
  }
  return count;
}
