import type { IncomingHttpHeaders, IncomingHttpStatusHeader, OutgoingHttpHeaders } from 'node:http2';
import type { Clock } from '../clock.ts';
import type { ExportResult } from './exporter.ts';
import { errorCode, seconds } from './failure-words.ts';
import type { GrpcConnection } from './grpc-connection.ts';
import { unframeMessage } from './grpc-message.ts';
import { grpcStatusOf, textOf } from './grpc-status.ts';
import { aborted, failure, maxAnswerBytes, type TransportFailure } from './transport.ts';

export interface GrpcCall {
  /** For people: name and port. */
  readonly host: string;
  /** Checked, names in lower case. */
  readonly headers: OutgoingHttpHeaders;
  /** One message with its prefix. */
  readonly frame: Uint8Array;
  /** For sending it and for the whole answer. */
  readonly timeoutMs: number;
  readonly abort?: AbortSignal;
}

/** Makes one unary call. Never rejects. */
export function callUnary(connection: GrpcConnection, call: GrpcCall, clock: Clock): Promise<ExportResult> {
  const { host, timeoutMs, abort } = call;
  const answeredBefore = connection.answered;
  let stream: ReturnType<GrpcConnection['start']>;
  try {
    stream = connection.start(call.headers);
  } catch (error) {
    return Promise.resolve(notStarted(errorCode(error), host));
  }
  return new Promise((resolve) => {
    let response: (IncomingHttpHeaders & IncomingHttpStatusHeader) | undefined;
    let trailers: IncomingHttpHeaders | undefined;
    let problem: unknown;
    const chunks: Buffer[] = [];
    let received = 0;

    const cancelTimer = clock.after(timeoutMs, () => {
      // Whether the connection is dead or the destination slow cannot be known from here.
      connection.retire();
      const message = `${host} did not complete its answer within ${seconds(timeoutMs)}.`;
      finish(refusalSoFar() ?? { ...failure('timeout', 'TIMEOUT', message), possiblySent: stream.writableFinished });
    });
    const onAbort = () => finish(aborted(stream.writableFinished));
    abort?.addEventListener('abort', onAbort, { once: true });
    if (abort?.aborted) onAbort();

    let finished = false;
    function finish(result: ExportResult | Promise<ExportResult>): void {
      if (finished) return;
      finished = true;
      cancelTimer();
      abort?.removeEventListener('abort', onAbort);
      if (!stream.closed) stream.close(resetCodes.indexOf('CANCEL'));
      resolve(result);
    }

    async function answer(): Promise<ExportResult> {
      // In a trailers-only answer the status is among the headers.
      const status = grpcStatusOf(trailers) ?? grpcStatusOf(response);
      if (status === undefined) return withoutStatus(false);
      const whole = status.code === 'OK' && received <= maxAnswerBytes;
      const encoding = textOf(response?.['grpc-encoding']);
      const body = await unframeMessage(whole ? Buffer.concat(chunks) : Buffer.alloc(0), encoding);
      return { kind: 'grpc', ...status, body };
    }

    function withoutStatus(truncated: boolean): ExportResult {
      return {
        kind: 'not-grpc',
        status: response?.[':status'] ?? 0,
        headers: plainHeaders(response ?? {}),
        body: Buffer.concat(chunks),
        truncated,
      };
    }

    /** A refusal stands once its HTTP status is known, whether or not its body arrives. */
    function refusalSoFar(): ExportResult | undefined {
      return (response?.[':status'] ?? 0) >= 300 ? withoutStatus(true) : undefined;
    }

    stream.on('response', (headers) => {
      response = headers;
      connection.heard();
    });
    stream.on('trailers', (headers) => {
      trailers = headers;
    });
    stream.on('data', (chunk: Buffer) => {
      received += chunk.length;
      // Read on all the same: the status is behind it.
      if (received <= maxAnswerBytes) chunks.push(chunk);
    });
    stream.on('end', () => {
      if (response !== undefined && problem === undefined && stream.rstCode === 0) finish(answer());
    });
    stream.on('error', (error) => {
      problem = error;
    });
    stream.on('close', () => {
      if (grpcStatusOf(trailers) ?? grpcStatusOf(response)) return finish(answer());
      const scene = { host, problem, resetCode: stream.rstCode };
      const unprocessed = stream.rstCode === resetCodes.indexOf('REFUSED_STREAM') || connection.leftOut(stream.id);
      finish(
        refusalSoFar() ??
          lost(scene, {
            possiblySent: stream.writableFinished && !unprocessed,
            staleConnection: response === undefined && (unprocessed || answeredBefore),
          }),
      );
    });
    stream.end(call.frame);
  });
}

function plainHeaders(from: IncomingHttpHeaders): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(from)) {
    if (value !== undefined && !name.startsWith(':')) headers[name] = String(value);
  }
  return headers;
}

/** The connection ended between being chosen and being used, or there is a header that cannot be sent. */
function notStarted(code: string, host: string): TransportFailure {
  if (code === 'ERR_HTTP2_INVALID_SESSION' || code === 'ERR_HTTP2_GOAWAY_SESSION') {
    return { ...failure('reset', code, brokenOff(host, code)), staleConnection: true };
  }
  return failure('unsendable', code, `The request cannot be built (${code}). Check the headers in the config.`);
}

interface Loss {
  readonly host: string;
  readonly problem: unknown;
  readonly resetCode: number | undefined;
}

function lost(
  { host, problem, resetCode }: Loss,
  known: Pick<TransportFailure, 'possiblySent' | 'staleConnection'>,
): TransportFailure {
  const code = codeOf(problem, resetCode ?? 0);
  if (code === 'ERR_HTTP2_ERROR') {
    const message = `What answers at ${host} does not speak HTTP/2 as gRPC needs it. Check the endpoint, and what is in between.`;
    return { ...failure('garbage', code, message), ...known };
  }
  return { ...failure('reset', code, brokenOff(host, code)), ...known };
}

function brokenOff(host: string, code: string): string {
  return `${host} broke the connection off before it had answered (${code}).`;
}

/** RFC 9113, section 7, in the order of their numbers. */
const resetCodes = [
  'NO_ERROR',
  'PROTOCOL_ERROR',
  'INTERNAL_ERROR',
  'FLOW_CONTROL_ERROR',
  'SETTINGS_TIMEOUT',
  'STREAM_CLOSED',
  'FRAME_SIZE_ERROR',
  'REFUSED_STREAM',
  'CANCEL',
  'COMPRESSION_ERROR',
  'CONNECT_ERROR',
  'ENHANCE_YOUR_CALM',
  'INADEQUATE_SECURITY',
  'HTTP_1_1_REQUIRED',
] as const;

/** The name of what the stream was reset with, else the error's own code. */
function codeOf(problem: unknown, resetCode: number): string {
  const code = errorCode(problem);
  return code === 'ERR_HTTP2_STREAM_ERROR' || code === 'UNKNOWN' ? (resetCodes[resetCode] ?? String(resetCode)) : code;
}
