import { isMessageType, type MessageType, messages, pointTypes, requestType } from '../../src/main/core/otlp/schema.ts';
import type { Signal } from '../../src/shared/signal.ts';

/** How many points a request has by the schema: OTLP/JSON that was parsed, or protobuf that was decoded. */
export function countPoints(signal: Signal, request: unknown): number {
  return countIn(requestType[signal], request);
}

function countIn(type: MessageType, value: unknown): number {
  if (Array.isArray(value)) return value.reduce<number>((sum, element) => sum + countIn(type, element), 0);
  if (typeof value !== 'object' || value === null) return 0;
  let count = pointTypes.has(type) ? 1 : 0;
  for (const [name, field] of Object.entries(messages[type])) {
    // What a decoded message inherits are defaults.
    if (isMessageType(field.type) && Object.hasOwn(value, name)) count += countIn(field.type, Reflect.get(value, name));
  }
  return count;
}
