/**
 * The OTLP messages of metrics, logs and traces: the one table from which the tag walker, the JSON transcoder and the
 * decoder are derived.
 *
 * Field names (in their JSON spelling), numbers and types are those of opentelemetry-proto 1.11,
 * https://github.com/open-telemetry/opentelemetry-proto, Copyright The OpenTelemetry Authors, Apache License 2.0.
 * Left out: fields that only profiles use (`key_strindex`, `string_value_strindex`); receivers of other signals are
 * told to ignore them.
 */
import type { Signal } from '../../../shared/signal.ts';

export type ScalarType =
  | 'string'
  | 'bytes'
  /** 16 bytes; hexadecimal in JSON. */
  | 'traceId'
  /** 8 bytes; hexadecimal in JSON. */
  | 'spanId'
  | 'bool'
  | 'enum'
  | 'uint32'
  | 'sint32'
  | 'int64'
  | 'uint64'
  | 'fixed32'
  | 'fixed64'
  | 'sfixed64'
  | 'double';

export const messageTypes = [
  'ExportMetricsServiceRequest',
  'ExportLogsServiceRequest',
  'ExportTraceServiceRequest',
  'Resource',
  'EntityRef',
  'InstrumentationScope',
  'KeyValue',
  'AnyValue',
  'ArrayValue',
  'KeyValueList',
  'ResourceMetrics',
  'ScopeMetrics',
  'Metric',
  'Gauge',
  'Sum',
  'Histogram',
  'ExponentialHistogram',
  'Summary',
  'NumberDataPoint',
  'HistogramDataPoint',
  'ExponentialHistogramDataPoint',
  'Buckets',
  'SummaryDataPoint',
  'ValueAtQuantile',
  'Exemplar',
  'ResourceLogs',
  'ScopeLogs',
  'LogRecord',
  'ResourceSpans',
  'ScopeSpans',
  'Span',
  'Event',
  'Link',
  'Status',
] as const;

export type MessageType = (typeof messageTypes)[number];

export interface Field {
  readonly number: number;
  readonly type: ScalarType | MessageType;
  /**
   * `implicit`: absent and default are the same on the wire. `optional`: presence itself says something, as it does for
   * members of a oneof. `repeated`: a list.
   */
  readonly rule: 'implicit' | 'optional' | 'repeated';
  readonly oneof?: string;
}

type Fields = Readonly<Record<string, Field>>;

const one = (number: number, type: Field['type']): Field => ({ number, type, rule: 'implicit' });
const optional = (number: number, type: ScalarType): Field => ({ number, type, rule: 'optional' });
const many = (number: number, type: Field['type']): Field => ({ number, type, rule: 'repeated' });
const oneOf = (oneof: string, number: number, type: Field['type']): Field => ({
  number,
  type,
  rule: 'optional',
  oneof,
});

export const messages: Readonly<Record<MessageType, Fields>> = {
  ExportMetricsServiceRequest: { resourceMetrics: many(1, 'ResourceMetrics') },
  ExportLogsServiceRequest: { resourceLogs: many(1, 'ResourceLogs') },
  ExportTraceServiceRequest: { resourceSpans: many(1, 'ResourceSpans') },

  Resource: {
    attributes: many(1, 'KeyValue'),
    droppedAttributesCount: one(2, 'uint32'),
    entityRefs: many(3, 'EntityRef'),
  },
  EntityRef: {
    schemaUrl: one(1, 'string'),
    type: one(2, 'string'),
    idKeys: many(3, 'string'),
    descriptionKeys: many(4, 'string'),
  },
  InstrumentationScope: {
    name: one(1, 'string'),
    version: one(2, 'string'),
    attributes: many(3, 'KeyValue'),
    droppedAttributesCount: one(4, 'uint32'),
  },
  KeyValue: { key: one(1, 'string'), value: one(2, 'AnyValue') },
  AnyValue: {
    stringValue: oneOf('value', 1, 'string'),
    boolValue: oneOf('value', 2, 'bool'),
    intValue: oneOf('value', 3, 'int64'),
    doubleValue: oneOf('value', 4, 'double'),
    arrayValue: oneOf('value', 5, 'ArrayValue'),
    kvlistValue: oneOf('value', 6, 'KeyValueList'),
    bytesValue: oneOf('value', 7, 'bytes'),
  },
  ArrayValue: { values: many(1, 'AnyValue') },
  KeyValueList: { values: many(1, 'KeyValue') },

  ResourceMetrics: {
    resource: one(1, 'Resource'),
    scopeMetrics: many(2, 'ScopeMetrics'),
    schemaUrl: one(3, 'string'),
  },
  ScopeMetrics: {
    scope: one(1, 'InstrumentationScope'),
    metrics: many(2, 'Metric'),
    schemaUrl: one(3, 'string'),
  },
  Metric: {
    name: one(1, 'string'),
    description: one(2, 'string'),
    unit: one(3, 'string'),
    gauge: oneOf('data', 5, 'Gauge'),
    sum: oneOf('data', 7, 'Sum'),
    histogram: oneOf('data', 9, 'Histogram'),
    exponentialHistogram: oneOf('data', 10, 'ExponentialHistogram'),
    summary: oneOf('data', 11, 'Summary'),
    metadata: many(12, 'KeyValue'),
  },
  Gauge: { dataPoints: many(1, 'NumberDataPoint') },
  Sum: {
    dataPoints: many(1, 'NumberDataPoint'),
    aggregationTemporality: one(2, 'enum'),
    isMonotonic: one(3, 'bool'),
  },
  Histogram: { dataPoints: many(1, 'HistogramDataPoint'), aggregationTemporality: one(2, 'enum') },
  ExponentialHistogram: {
    dataPoints: many(1, 'ExponentialHistogramDataPoint'),
    aggregationTemporality: one(2, 'enum'),
  },
  Summary: { dataPoints: many(1, 'SummaryDataPoint') },
  NumberDataPoint: {
    startTimeUnixNano: one(2, 'fixed64'),
    timeUnixNano: one(3, 'fixed64'),
    asDouble: oneOf('value', 4, 'double'),
    exemplars: many(5, 'Exemplar'),
    asInt: oneOf('value', 6, 'sfixed64'),
    attributes: many(7, 'KeyValue'),
    flags: one(8, 'uint32'),
  },
  HistogramDataPoint: {
    startTimeUnixNano: one(2, 'fixed64'),
    timeUnixNano: one(3, 'fixed64'),
    count: one(4, 'fixed64'),
    sum: optional(5, 'double'),
    bucketCounts: many(6, 'fixed64'),
    explicitBounds: many(7, 'double'),
    exemplars: many(8, 'Exemplar'),
    attributes: many(9, 'KeyValue'),
    flags: one(10, 'uint32'),
    min: optional(11, 'double'),
    max: optional(12, 'double'),
  },
  ExponentialHistogramDataPoint: {
    attributes: many(1, 'KeyValue'),
    startTimeUnixNano: one(2, 'fixed64'),
    timeUnixNano: one(3, 'fixed64'),
    count: one(4, 'fixed64'),
    sum: optional(5, 'double'),
    scale: one(6, 'sint32'),
    zeroCount: one(7, 'fixed64'),
    positive: one(8, 'Buckets'),
    negative: one(9, 'Buckets'),
    flags: one(10, 'uint32'),
    exemplars: many(11, 'Exemplar'),
    min: optional(12, 'double'),
    max: optional(13, 'double'),
    zeroThreshold: one(14, 'double'),
  },
  Buckets: { offset: one(1, 'sint32'), bucketCounts: many(2, 'uint64') },
  SummaryDataPoint: {
    startTimeUnixNano: one(2, 'fixed64'),
    timeUnixNano: one(3, 'fixed64'),
    count: one(4, 'fixed64'),
    sum: one(5, 'double'),
    quantileValues: many(6, 'ValueAtQuantile'),
    attributes: many(7, 'KeyValue'),
    flags: one(8, 'uint32'),
  },
  ValueAtQuantile: { quantile: one(1, 'double'), value: one(2, 'double') },
  Exemplar: {
    timeUnixNano: one(2, 'fixed64'),
    asDouble: oneOf('value', 3, 'double'),
    spanId: one(4, 'spanId'),
    traceId: one(5, 'traceId'),
    asInt: oneOf('value', 6, 'sfixed64'),
    filteredAttributes: many(7, 'KeyValue'),
  },

  ResourceLogs: { resource: one(1, 'Resource'), scopeLogs: many(2, 'ScopeLogs'), schemaUrl: one(3, 'string') },
  ScopeLogs: {
    scope: one(1, 'InstrumentationScope'),
    logRecords: many(2, 'LogRecord'),
    schemaUrl: one(3, 'string'),
  },
  LogRecord: {
    timeUnixNano: one(1, 'fixed64'),
    severityNumber: one(2, 'enum'),
    severityText: one(3, 'string'),
    body: one(5, 'AnyValue'),
    attributes: many(6, 'KeyValue'),
    droppedAttributesCount: one(7, 'uint32'),
    flags: one(8, 'fixed32'),
    traceId: one(9, 'traceId'),
    spanId: one(10, 'spanId'),
    observedTimeUnixNano: one(11, 'fixed64'),
    eventName: one(12, 'string'),
  },

  ResourceSpans: { resource: one(1, 'Resource'), scopeSpans: many(2, 'ScopeSpans'), schemaUrl: one(3, 'string') },
  ScopeSpans: { scope: one(1, 'InstrumentationScope'), spans: many(2, 'Span'), schemaUrl: one(3, 'string') },
  Span: {
    traceId: one(1, 'traceId'),
    spanId: one(2, 'spanId'),
    traceState: one(3, 'string'),
    parentSpanId: one(4, 'spanId'),
    name: one(5, 'string'),
    kind: one(6, 'enum'),
    startTimeUnixNano: one(7, 'fixed64'),
    endTimeUnixNano: one(8, 'fixed64'),
    attributes: many(9, 'KeyValue'),
    droppedAttributesCount: one(10, 'uint32'),
    events: many(11, 'Event'),
    droppedEventsCount: one(12, 'uint32'),
    links: many(13, 'Link'),
    droppedLinksCount: one(14, 'uint32'),
    status: one(15, 'Status'),
    flags: one(16, 'fixed32'),
  },
  Event: {
    timeUnixNano: one(1, 'fixed64'),
    name: one(2, 'string'),
    attributes: many(3, 'KeyValue'),
    droppedAttributesCount: one(4, 'uint32'),
  },
  Link: {
    traceId: one(1, 'traceId'),
    spanId: one(2, 'spanId'),
    traceState: one(3, 'string'),
    attributes: many(4, 'KeyValue'),
    droppedAttributesCount: one(5, 'uint32'),
    flags: one(6, 'fixed32'),
  },
  Status: { message: one(2, 'string'), code: one(3, 'enum') },
};

export const requestType: Readonly<Record<Signal, MessageType>> = {
  metrics: 'ExportMetricsServiceRequest',
  logs: 'ExportLogsServiceRequest',
  traces: 'ExportTraceServiceRequest',
};

/** The messages that the ledger counts: one of them is one data point, log record or span. */
export const pointTypes: ReadonlySet<MessageType> = new Set<MessageType>([
  'NumberDataPoint',
  'HistogramDataPoint',
  'ExponentialHistogramDataPoint',
  'SummaryDataPoint',
  'LogRecord',
  'Span',
]);

/**
 * How deep messages may nest, the request itself being the first level. The same as the default of Google's own
 * protobuf runtimes; plain OTLP needs about ten, the rest is for values inside values.
 */
export const maxDepth = 100;

export function isMessageType(type: Field['type']): type is MessageType {
  return Object.hasOwn(messages, type);
}

/** How a scalar travels: the wire type of https://protobuf.dev/programming-guides/encoding/. */
export function wireTypeOf(type: Field['type']): 0 | 1 | 2 | 5 {
  switch (type) {
    case 'bool':
    case 'enum':
    case 'uint32':
    case 'sint32':
    case 'int64':
    case 'uint64':
      return 0;
    case 'fixed64':
    case 'sfixed64':
    case 'double':
      return 1;
    case 'fixed32':
      return 5;
    default:
      return 2;
  }
}
