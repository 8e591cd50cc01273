import { assertNever } from '../../../shared/assert-never.ts';
import type { Signal } from '../../../shared/signal.ts';
import { printableLine } from './printable.ts';

/** What a destination says of a request that it took, but not whole. */
export interface PartialSuccess {
  /** In the ledger's unit; 0 for a mere warning. */
  readonly rejectedPoints: number;
  /** One printable line; empty where the destination gave none. */
  readonly message: string;
}

/** OTLP's own bound: larger responses need not be parsed (opentelemetry-proto, docs/specification.md, "OTLP/HTTP Response"). */
const maxResponseBytes = 4 * 1024 * 1024;

/**
 * The partial success in the body of a 2xx answer. Undefined where there is none, and for bodies that are empty, over
 * 4 MiB or not what the content type says: by OTLP's rules that is full success.
 */
export async function parseExportResponse(
  signal: Signal,
  contentType: string | undefined,
  body: Uint8Array,
): Promise<PartialSuccess | undefined> {
  if (body.length > maxResponseBytes) return undefined;
  const encoding = encodingOf(contentType, body);
  if (!encoding || !saysSomething(encoding, body)) return undefined;
  try {
    const { rejected, message } = await deserialize(signal, encoding, body);
    const rejectedPoints = Number(rejected ?? 0);
    const partialSuccess = {
      rejectedPoints: Number.isSafeInteger(rejectedPoints) && rejectedPoints > 0 ? rejectedPoints : 0,
      message: typeof message === 'string' ? (printableLine(message) ?? '') : '',
    };
    return partialSuccess.rejectedPoints > 0 || partialSuccess.message !== '' ? partialSuccess : undefined;
  } catch {
    return undefined;
  }
}

type Encoding = 'json' | 'protobuf';

function encodingOf(contentType: string | undefined, body: Uint8Array): Encoding | undefined {
  const type = contentType?.split(';')[0]?.trim().toLowerCase();
  if (type === 'application/json') return 'json';
  if (type === 'application/x-protobuf' || type === 'application/protobuf') return 'protobuf';
  // Some servers send none; no protobuf answer begins with a brace.
  if (!type) return body[0] === 0x7b ? 'json' : 'protobuf';
  return undefined;
}

/**
 * Most answers are an empty response or one with an empty partial_success. Seeing that first keeps the parser, and the 20 MB
 * that loading it costs, out of a relay whose destinations are content.
 */
function saysSomething(encoding: Encoding, body: Uint8Array): boolean {
  switch (encoding) {
    case 'protobuf':
      return body.length > 2;
    case 'json': {
      const bytes = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
      return bytes.includes('rejected') || bytes.includes('errorMessage');
    }
    default:
      return assertNever(encoding);
  }
}

/** The values are whatever a JSON answer holds: 64-bit integers may be text. */
interface Deserialized {
  readonly rejected: unknown;
  readonly message: unknown;
}

async function deserialize(signal: Signal, encoding: Encoding, body: Uint8Array): Promise<Deserialized> {
  const transformer = await import('@opentelemetry/otlp-transformer');
  const json = encoding === 'json';
  switch (signal) {
    case 'metrics': {
      const serializer = json ? transformer.JsonMetricsSerializer : transformer.ProtobufMetricsSerializer;
      const partial = serializer.deserializeResponse(body).partialSuccess;
      return { rejected: partial?.rejectedDataPoints, message: partial?.errorMessage };
    }
    case 'logs': {
      const serializer = json ? transformer.JsonLogsSerializer : transformer.ProtobufLogsSerializer;
      const partial = serializer.deserializeResponse(body).partialSuccess;
      return { rejected: partial?.rejectedLogRecords, message: partial?.errorMessage };
    }
    case 'traces': {
      const serializer = json ? transformer.JsonTraceSerializer : transformer.ProtobufTraceSerializer;
      const partial = serializer.deserializeResponse(body).partialSuccess;
      return { rejected: partial?.rejectedSpans, message: partial?.errorMessage };
    }
    default:
      return assertNever(signal);
  }
}
