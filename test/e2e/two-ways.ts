import { startGrpcVendor } from '../support/grpc-vendor.ts';
import { makeHome, startRelay } from '../support/relay.ts';
import { startVendor, type Vendor } from '../support/vendor.ts';

/** To export the same twice: to a vendor directly, and to one behind a relay. */
export interface TwoWays extends AsyncDisposable {
  readonly direct: Pick<Vendor, 'url' | 'accepted'>;
  readonly behindRelay: Vendor;
  /** Of the port for the protocol, without a trailing slash. */
  readonly relayUrl: string;
}

/** `protocol` is that of the exporter. */
export async function startTwoWays(protocol: 'http' | 'grpc' = 'http'): Promise<TwoWays> {
  await using stack = new AsyncDisposableStack();
  const direct = protocol === 'grpc' ? await startGrpcVendor() : await startVendor();
  stack.defer(() => direct.stop());
  const behindRelay = await startVendor();
  stack.defer(() => behindRelay.stop());
  const home = stack.use(await makeHome({ destinations: [{ name: 'collector', endpoint: behindRelay.url }] }));
  const relay = stack.use(startRelay(home));
  await relay.ready;
  const all = stack.move();
  return {
    direct,
    behindRelay,
    relayUrl: `http://127.0.0.1:${protocol === 'grpc' ? relay.grpcPort : relay.port}`,
    [Symbol.asyncDispose]: () => all.disposeAsync(),
  };
}
