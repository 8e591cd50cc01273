import type { Signal } from '../../../shared/signal.ts';
import { type MessageType, messages, requestType } from './schema.ts';

/**
 * The `service.version` of the first resource of a request: the version of the Claude Code that sent it. Undefined where
 * there is none. Expects a request that `inspectRequest` found well formed, and reads no further than the resource.
 */
export function resourceServiceVersion(signal: Signal, body: Uint8Array): string | undefined {
  const request = requestType[signal];
  const [resources] = Object.values(messages[request]);
  if (!resources) return undefined;
  const whole = { start: 0, end: body.length };
  const first = nextField(body, whole, resources.number);
  const resource = first && nextField(body, first, numberOf('ResourceMetrics', 'resource'));
  if (!resource) return undefined;
  const attributes = numberOf('Resource', 'attributes');
  let attribute = nextField(body, resource, attributes);
  while (attribute) {
    const key = nextField(body, attribute, numberOf('KeyValue', 'key'));
    if (key && equals(body, key, serviceVersion)) {
      const value = nextField(body, attribute, numberOf('KeyValue', 'value'));
      const text = value && nextField(body, value, numberOf('AnyValue', 'stringValue'));
      return text && Buffer.from(body.buffer, body.byteOffset + text.start, text.end - text.start).toString();
    }
    attribute = nextField(body, { start: attribute.end, end: resource.end }, attributes);
  }
  return undefined;
}

const serviceVersion = Buffer.from('service.version');

interface Range {
  readonly start: number;
  readonly end: number;
}

/** The same in the messages of all three signals. */
function numberOf(type: MessageType, name: string): number {
  return messages[type][name]?.number ?? 0;
}

/** The contents of the first length-delimited field of this number in a message. */
function nextField(body: Uint8Array, { start, end }: Range, number: number): Range | undefined {
  let at = start;
  while (at < end) {
    const tag = varint(body, at);
    const value = varint(body, tag.end);
    switch (tag.value % 8) {
      case 0:
        at = value.end;
        break;
      case 1:
        at = tag.end + 8;
        break;
      case 2:
        at = value.end + value.value;
        if (at > end) return undefined;
        if (tag.value >>> 3 === number) return { start: value.end, end: at };
        break;
      case 5:
        at = tag.end + 4;
        break;
      default:
        // Groups are older than OTLP: what stands behind one is not worth looking for.
        return undefined;
    }
  }
  return undefined;
}

function varint(body: Uint8Array, start: number): { value: number; end: number } {
  let value = 0;
  let scale = 1;
  let at = start;
  for (; at < body.length; at++) {
    const byte = body[at] ?? 0;
    value += (byte & 0x7f) * scale;
    scale *= 0x80;
    if (byte < 0x80) break;
  }
  return { value, end: at + 1 };
}

function equals(body: Uint8Array, { start, end }: Range, expected: Uint8Array): boolean {
  return end - start === expected.length && expected.every((byte, index) => body[start + index] === byte);
}
