import { ProtobufWriter } from './protobuf-writer.ts';
import { messages } from './schema.ts';
import { delimited } from './wire.ts';

export interface Attribute {
  /** Not empty. */
  readonly key: string;
  readonly value: string;
  /** Also replaces a value that is there. */
  readonly override: boolean;
}

/** An attribute in the pieces that come into a message. */
export interface EncodedAttribute {
  readonly key: Uint8Array;
  readonly override: boolean;
  /** What an AnyValue with this text consists of. */
  readonly value: Uint8Array;
  /** The value as a field of its KeyValue. */
  readonly valueField: Uint8Array;
  /** All of it as an attribute, by the number that the field of attributes has. */
  readonly asField: readonly Uint8Array[];
}

/** OTLP's fields of attributes have lower numbers. */
const fieldNumbers = 16;
const nothing = new Uint8Array();

export function encodeAttribute({ key, value, override }: Attribute): EncodedAttribute {
  const text = field(messages.AnyValue.stringValue?.number, Buffer.from(value));
  const valueField = field(messages.KeyValue.value?.number, text);
  const keyValue = Buffer.concat([field(messages.KeyValue.key?.number, Buffer.from(key)), valueField]);
  return {
    key: Buffer.from(key),
    override,
    value: text,
    valueField,
    asField: Array.from({ length: fieldNumbers }, (_, number) => field(number, keyValue)),
  };
}

/** A resource with just these attributes, as a field of what it is the resource of: the same one for all three signals. */
export function encodeResource(attributes: readonly EncodedAttribute[]): Uint8Array {
  const number = messages.Resource.attributes?.number ?? 0;
  const content = Buffer.concat(attributes.map(({ asField }) => asField[number] ?? nothing));
  return field(messages.ResourceMetrics.resource?.number, content);
}

function field(number = 0, content: Uint8Array): Uint8Array {
  const writer = new ProtobufWriter(content.length + 8);
  writer.tag(number, delimited);
  writer.varint(content.length);
  writer.bytes(content, 0, content.length);
  return writer.finish();
}
