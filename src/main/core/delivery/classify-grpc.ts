import { assertNever } from '../../../shared/assert-never.ts';
import type { RpcCodeName } from '../otlp/status.ts';
import type { AnswerError, Reading, Verdict } from './classify.ts';
import type { GrpcAnswer } from './exporter.ts';
import { boundedWaitMs } from './retry-after.ts';

/** The HTTP status that each code stands for, https://github.com/googleapis/googleapis/blob/master/google/rpc/code.proto. */
const httpStatus: Readonly<Record<RpcCodeName, number>> = {
  OK: 200,
  CANCELLED: 499,
  UNKNOWN: 500,
  INVALID_ARGUMENT: 400,
  DEADLINE_EXCEEDED: 504,
  NOT_FOUND: 404,
  ALREADY_EXISTS: 409,
  PERMISSION_DENIED: 403,
  RESOURCE_EXHAUSTED: 429,
  FAILED_PRECONDITION: 400,
  ABORTED: 409,
  OUT_OF_RANGE: 400,
  UNIMPLEMENTED: 501,
  INTERNAL: 500,
  UNAVAILABLE: 503,
  DATA_LOSS: 500,
  UNAUTHENTICATED: 401,
};

/**
 * What each gRPC code does. OTLP has clients drop on INTERNAL, UNKNOWN and RESOURCE_EXHAUSTED without RetryInfo; here they
 * are tried again, for they say nothing against the data.
 *
 * @see https://opentelemetry.io/docs/specs/otlp/#otlpgrpc-response
 */
export function classifyGrpc(answer: GrpcAnswer, reading: Reading): Verdict {
  const { code, message } = answer;
  const error = (kind: string, does: string) => grpcError(kind, does, code, reading);
  switch (code) {
    case 'OK':
      return { kind: 'delivered', rejectedPoints: reading.rejectedPoints, message: reading.message ?? '' };
    case 'UNAUTHENTICATED':
    case 'PERMISSION_DENIED':
      return { kind: 'blocked', by: 'credentials', error: error('credentials', 'refuses the credentials') };
    case 'UNIMPLEMENTED':
    case 'NOT_FOUND':
      return {
        kind: 'blocked',
        by: 'endpoint',
        error: /compress|encoding/i.test(message)
          ? error('endpoint', 'does not take compressed requests: set its compression to none')
          : error('endpoint', 'does not accept telemetry at this address'),
      };
    case 'INVALID_ARGUMENT':
    case 'FAILED_PRECONDITION':
    case 'ALREADY_EXISTS':
      return { kind: 'malformed', error: error('malformed', 'calls the request malformed') };
    case 'RESOURCE_EXHAUSTED':
    case 'OUT_OF_RANGE':
      if (aboutSize.test(message)) {
        return { kind: 'too-large', error: error('too-large', 'calls the request too large') };
      }
      return retry(answer, error('http', code === 'RESOURCE_EXHAUSTED' ? 'asks to slow down' : 'cannot take data now'));
    case 'CANCELLED':
    case 'UNKNOWN':
    case 'DEADLINE_EXCEEDED':
    case 'ABORTED':
    case 'INTERNAL':
    case 'UNAVAILABLE':
    case 'DATA_LOSS':
      return retry(answer, error('http', 'cannot take data now'));
    default:
      return assertNever(code);
  }
}

/**
 * Servers have no code of its own for a message that is too large. The words are those of grpc-go, grpc-js, C, Java, .NET
 * and tonic (which says OUT_OF_RANGE); a quota's words ("request rate too large") must not match, or data would be set aside.
 */
const aboutSize =
  /\bmessage\b.*\b(larger than|too large|exceeds\b.*\bsize)\b|\b(payload|request|body|entity)( size)?( is)? (larger than|too large)\b/i;

function retry({ retryDelayMs }: GrpcAnswer, error: AnswerError): Verdict {
  return {
    kind: 'retry',
    error,
    ...(retryDelayMs === undefined ? {} : { retryAfterMs: boundedWaitMs(retryDelayMs) }),
    possiblySent: false,
    staleConnection: false,
  };
}

function grpcError(kind: string, does: string, code: RpcCodeName, { host, message }: Reading): AnswerError {
  const words = `${host} ${does} (gRPC ${code})`;
  return {
    kind,
    status: httpStatus[code],
    grpcStatus: code,
    message: message === undefined ? `${words}.` : `${words}: ${message}`,
  };
}
