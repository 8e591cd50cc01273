import type { Books } from '../../src/shared/ledger.ts';
import { addBooks, emptyBooks, imbalance } from '../../src/shared/ledger.ts';
import { signals } from '../../src/shared/signal.ts';
import { type Collector, type CollectorConfig, type CollectorPorts, makeCollector } from '../support/collector.ts';
import { makeHome, type Relay, type RelayHome, startRelay } from '../support/relay.ts';
import { until } from '../support/until.ts';
import { startVendor, type Vendor, type VendorOptions } from '../support/vendor.ts';

/** A relay, a real Collector as its only destination, and a vendor behind that. */
export interface BehindCollector extends AsyncDisposable {
  readonly vendor: Vendor;
  readonly collector: Collector;
  readonly home: RelayHome;
  readonly relay: Relay;
  /** The books of the Collector, over all signals. Rejects when they do not balance or do not agree with the stored rows. */
  books(): Promise<Books>;
  /** Waits until nothing is pending. */
  drained(): Promise<Books>;
  /** Makes the relay try now what it would try later. */
  tryNow(): Promise<void>;
  /** What the relay's config says of the Collector from now on, beside its name and endpoint. */
  configure(destination: object): Promise<void>;
}

export interface Options {
  readonly protocol?: 'http/protobuf' | 'http/json' | 'grpc';
  /** More of the relay's destination. */
  readonly destination?: object | ((collector: Collector) => object);
  readonly vendor?: VendorOptions;
  readonly config: (vendor: Vendor) => CollectorConfig;
  /** The endpoint as the relay knows it; default: plain HTTP. */
  readonly endpoint?: (collector: Collector) => string;
}

export async function startBehindCollector(options: Options): Promise<BehindCollector> {
  const { protocol = 'http/protobuf', destination = {} } = options;
  await using stack = new AsyncDisposableStack();
  const vendor = await startVendor(options.vendor);
  stack.defer(() => vendor.stop());
  const collector = stack.use(await makeCollector(options.config(vendor)));
  const endpoint = options.endpoint?.(collector) ?? (protocol === 'grpc' ? collector.grpc : collector.http);
  const configOf = (more: object) => ({ destinations: [{ name: 'collector', endpoint, protocol, ...more }] });
  const home = stack.use(
    await makeHome(configOf(typeof destination === 'function' ? destination(collector) : destination)),
  );
  const relay = stack.use(startRelay(home));
  await relay.ready;
  const all = stack.move();
  const behind: BehindCollector = {
    vendor,
    collector,
    home,
    relay,
    async books() {
      const { ledger } = await relay.call('ledger', {});
      const { problems } = await relay.call('verify', {});
      const unbalanced = ledger.filter((row) => imbalance(row) !== 0).map((row) => JSON.stringify(row));
      if (problems.length + unbalanced.length > 0) throw new Error([...problems, ...unbalanced].join('\n'));
      return ledger.reduce<Books>(addBooks, emptyBooks);
    },
    async drained() {
      await until('everything is delivered', async () => (await behind.books()).pending === 0);
      return behind.books();
    },
    async tryNow() {
      await relay.call('sendTest', { timeoutMs: 10_000 });
    },
    configure: (more) => home.writeConfig(configOf(more)),
    [Symbol.asyncDispose]: () => all.disposeAsync(),
  };
  return behind;
}

/** What a test changes of the configuration below. */
export interface PassThrough {
  /** Of the receiver for HTTP, beside its endpoint; null: none. */
  readonly http?: object | null;
  readonly grpc?: object | null;
  readonly extensions?: Readonly<Record<string, object>>;
  readonly processors?: Readonly<Record<string, object>>;
}

/** Keeps nothing: a request is answered when the vendor has answered it. */
export function passThrough(vendor: Vendor, changes: PassThrough = {}): (ports: CollectorPorts) => object {
  const { http = {}, grpc = {}, extensions = {}, processors = {} } = changes;
  return (ports) => {
    const receivers = {
      otlp: {
        protocols: {
          ...(http && { http: { endpoint: `127.0.0.1:${ports.http}`, ...http } }),
          ...(grpc && { grpc: { endpoint: `127.0.0.1:${ports.grpc}`, ...grpc } }),
        },
      },
    };
    const exporters = {
      otlp_http: {
        endpoint: vendor.url,
        compression: 'none',
        sending_queue: { enabled: false },
        retry_on_failure: { enabled: false },
      },
    };
    const pipeline = { receivers: ['otlp'], processors: Object.keys(processors), exporters: ['otlp_http'] };
    return {
      receivers,
      processors,
      exporters,
      extensions,
      service: {
        extensions: Object.keys(extensions),
        telemetry: { metrics: { level: 'none' } },
        pipelines: Object.fromEntries(signals.map((signal) => [signal, pipeline])),
      },
    };
  };
}

/** A numbered log record with a body of so many bytes, as OTLP/JSON: a request that is as large in every protocol. */
export function largeLog(number: number, bytes: number): Buffer {
  const stringValue = `n#${String(number).padStart(10, '0')}#${'x'.repeat(bytes)}`;
  return Buffer.from(
    JSON.stringify({ resourceLogs: [{ scopeLogs: [{ logRecords: [{ timeUnixNano: '1', body: { stringValue } }] }] }] }),
  );
}
