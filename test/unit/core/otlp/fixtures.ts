import type { JsonObject, JsonValue } from '../../../../src/main/core/otlp/decode.ts';
import type { Signal } from '../../../../src/shared/signal.ts';
import { recorded } from '../../../support/recordings.ts';

export function recordedJson(signal: Signal): JsonObject {
  const parsed: JsonObject = JSON.parse(recorded(signal, 'json').toString());
  return parsed;
}

/** As a decoder shows it: absent where proto3 says nothing, 64-bit integers as text. */
export function normalised(value: JsonValue, name = ''): JsonValue {
  if (Array.isArray(value)) return value.map((element) => normalised(element, name));
  if (typeof value === 'object' && value !== null) {
    const entries = Object.entries(value)
      .filter(([key, member]) => !(implicitDefaults.has(key) && (member === 0 || member === '' || isEmpty(member))))
      .map(([key, member]) => [key, normalised(member, key)]);
    return Object.fromEntries(entries);
  }
  return name === 'intValue' ? String(value) : value;
}

const implicitDefaults = new Set([
  'droppedAttributesCount',
  'droppedEventsCount',
  'droppedLinksCount',
  'events',
  'links',
  'code',
  'unit',
  'values',
  'attributes',
]);

function isEmpty(value: JsonValue): boolean {
  return Array.isArray(value) && value.length === 0;
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
