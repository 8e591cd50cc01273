import type { Signal } from '../../../shared/signal.ts';
import {
  type Field,
  isMessageType,
  type MessageType,
  messages,
  messageTypes,
  pointTypes,
  requestType,
} from './schema.ts';

/**
 * The ways through a request to the attributes of its resources and points, derived from the table of messages. Attributes
 * of scopes, span events, links and exemplars, and values inside values, are on none of them. Message types are numbers
 * here: indices into `messageTypes`.
 */

/** Field numbers of OTLP end at 16. */
const rowLength = 32;

/** The messages whose attributes tell where telemetry comes from, or what it says. */
const holders: ReadonlySet<MessageType> = new Set<MessageType>(['Resource', ...pointTypes]);

const routes = new Int8Array(messageTypes.length * rowLength).fill(-1);
const attributesFields = new Uint8Array(messageTypes.length);
const resourceFields = new Uint8Array(messageTypes.length);

for (const [id, name] of messageTypes.entries()) {
  const fields = messages[name];
  if (holders.has(name)) attributesFields[id] = fields.attributes?.number ?? 0;
  for (const field of Object.values(fields)) {
    if (field.type === 'Resource') resourceFields[id] = field.number;
    if (!holders.has(name) && leadsToAttributes(field)) routes[id * rowLength + field.number] = idOf(field.type);
  }
}

function leadsToAttributes({ type }: Field, above: readonly Field['type'][] = []): boolean {
  if (!isMessageType(type) || above.includes(type)) return false;
  return holders.has(type) || Object.values(messages[type]).some((field) => leadsToAttributes(field, [...above, type]));
}

function idOf(type: Field['type']): number {
  return isMessageType(type) ? messageTypes.indexOf(type) : -1;
}

export const resourceType = idOf('Resource');

export const requestTypeIds: Readonly<Record<Signal, number>> = {
  metrics: idOf(requestType.metrics),
  logs: idOf(requestType.logs),
  traces: idOf(requestType.traces),
};

/** The message that a tag in a message of this type begins, or -1 where nothing behind it matters. */
export function routeOf(type: number, tag: number): number {
  const number = tag >>> 3;
  return (tag & 7) === 2 && number < rowLength ? (routes[type * rowLength + number] ?? -1) : -1;
}

/** The number of the field with the attributes of a resource or point; 0 for what is only on the way to them. */
export function attributesFieldOf(type: number): number {
  return attributesFields[type] ?? 0;
}

/** The number of the field with the resource, in the messages that requests consist of; 0 for all others. */
export function resourceFieldOf(type: number): number {
  return resourceFields[type] ?? 0;
}
