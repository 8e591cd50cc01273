import type { Protocol } from '../../src/main/core/delivery/destination.ts';
import { type GrpcVendorAnswer, refused, startGrpcVendor, taken, takenPartly } from './grpc-vendor.ts';
import {
  ok,
  partialSuccess,
  startVendor,
  status,
  type Vendor,
  type VendorAnswer,
  type VendorRequest,
} from './vendor.ts';

/** What a vendor may say, whatever its protocol. */
export type Saying =
  | 'taken'
  | 'busy'
  | 'unknown token'
  | 'wrong address'
  | 'malformed'
  | 'too large'
  | 'nothing'
  | 'reset'
  | { readonly rejected: number; readonly message: string };

export type SayingScript = (request: VendorRequest, n: number) => Saying | Promise<Saying>;

/** A scripted vendor of any protocol, so that one test can be run with all of them. */
export type AnyVendor = Pick<
  Vendor,
  'url' | 'port' | 'accepted' | 'seen' | 'connections' | 'breakConnections' | 'stop'
>;

export function startAnyVendor(protocol: Protocol, says: SayingScript = () => 'taken'): Promise<AnyVendor> {
  if (protocol === 'grpc') return startGrpcVendor({ answer: async (request, n) => inGrpc(await says(request, n)) });
  const json = protocol === 'http/json';
  return startVendor({ answer: async (request, n) => inHttp(await says(request, n), json) });
}

function inGrpc(saying: Saying): GrpcVendorAnswer {
  switch (saying) {
    case 'taken':
      return taken();
    case 'busy':
      return refused('UNAVAILABLE', saying);
    case 'unknown token':
      return refused('UNAUTHENTICATED', saying);
    case 'wrong address':
      return refused('UNIMPLEMENTED', saying);
    case 'malformed':
      return refused('INVALID_ARGUMENT', saying);
    case 'too large':
      return refused('RESOURCE_EXHAUSTED', 'grpc: received message larger than max');
    case 'nothing':
      return { kind: 'hang' };
    case 'reset':
      return { kind: 'reset' };
    default:
      return takenPartly(saying.rejected, saying.message);
  }
}

function inHttp(saying: Saying, json: boolean): VendorAnswer {
  const type = { 'content-type': 'application/json' };
  switch (saying) {
    case 'taken':
      return json ? status(200, type, '{"partialSuccess":{}}') : ok();
    case 'busy':
      return status(503, {}, saying);
    case 'unknown token':
      return status(401, {}, saying);
    case 'wrong address':
      return status(404, {}, saying);
    case 'malformed':
      return status(400, {}, saying);
    case 'too large':
      return status(413, {}, saying);
    case 'nothing':
      return { kind: 'hang' };
    case 'reset':
      return { kind: 'reset' };
    default: {
      if (!json) return partialSuccess(saying.rejected, saying.message);
      // The test's requests are metrics.
      const partial = { rejectedDataPoints: String(saying.rejected), errorMessage: saying.message };
      return status(200, type, JSON.stringify({ partialSuccess: partial }));
    }
  }
}
