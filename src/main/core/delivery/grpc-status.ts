import type { IncomingHttpHeaders } from 'node:http2';
import { retryDelayMs } from '../otlp/retry-info.ts';
import { type RpcCodeName, rpcCode } from '../otlp/status.ts';

/** How a gRPC call ended, as its trailers say it. */
export interface GrpcStatus {
  readonly code: RpcCodeName;
  readonly message: string;
  readonly retryDelayMs?: number;
}

const codeNames = new Map<string, RpcCodeName>();
for (const [name, code] of Object.entries(rpcCode)) {
  if (isRpcCodeName(name)) codeNames.set(String(code), name);
}

function isRpcCodeName(name: string): name is RpcCodeName {
  return Object.hasOwn(rpcCode, name);
}

/** Undefined where there is no status. One that gRPC does not know is UNKNOWN, as gRPC says. */
export function grpcStatusOf(trailers: IncomingHttpHeaders | undefined): GrpcStatus | undefined {
  const status = textOf(trailers?.['grpc-status']);
  if (status === undefined) return undefined;
  const details = textOf(trailers?.['grpc-status-details-bin']);
  const waitMs = details === undefined ? undefined : retryDelayMs(Buffer.from(details, 'base64'));
  return {
    code: codeNames.get(status.trim()) ?? 'UNKNOWN',
    message: percentDecoded(textOf(trailers?.['grpc-message']) ?? ''),
    ...(waitMs === undefined ? {} : { retryDelayMs: waitMs }),
  };
}

export function textOf(value: string | readonly string[] | undefined): string | undefined {
  return typeof value === 'object' ? value[0] : value;
}

/** As gRPC asks of a reader: what is encoded badly stays as it came. */
function percentDecoded(message: string): string {
  const bytes = message.replace(/%([0-9a-f]{2})/gi, (_code, digits: string) =>
    String.fromCharCode(Number.parseInt(digits, 16)),
  );
  return Buffer.from(bytes, 'latin1').toString();
}
