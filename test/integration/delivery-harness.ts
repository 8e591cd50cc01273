import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect } from 'vitest';
import { type Credentials, createCredentials } from '../../src/main/core/delivery/credentials.ts';
import { createDelivery, type Delivery, type DeliverySpool } from '../../src/main/core/delivery/delivery.ts';
import { type Destination, heldDestination } from '../../src/main/core/delivery/destination.ts';
import { createExporters } from '../../src/main/core/delivery/exporters.ts';
import type { DeliveryFacts } from '../../src/main/core/delivery/facts.ts';
import type { Log } from '../../src/main/core/log.ts';
import { openSpool } from '../../src/main/core/spool/open-spool.ts';
import type { Spool } from '../../src/main/core/spool/spool.ts';
import { type Books, imbalance } from '../../src/shared/ledger.ts';
import type { Signal } from '../../src/shared/signal.ts';
import { testConnector } from '../support/connector.ts';
import { type GrpcVendor, type GrpcVendorOptions, startGrpcVendor } from '../support/grpc-vendor.ts';
import { type HandClock, handClock } from '../support/hand-clock.ts';
import { ampleLimits } from '../support/spool-limits.ts';
import { until } from '../support/until.ts';
import { startVendor, type Vendor, type VendorOptions, type VendorRequest } from '../support/vendor.ts';

/** A real spool and real delivery over real sockets; only time is turned by hand. */
export interface Relay {
  readonly spool: Spool;
  readonly delivery: Delivery;
  readonly credentials: Credentials;
  readonly clock: HandClock;
  /** What was logged, one line per entry. */
  readonly logged: readonly string[];
  /** Tells spool and delivery, as a config change does. */
  configure(...destinations: Destination[]): Promise<void>;
  /** Accepts these requests, of `pointsPerRequest` points each, in this order. */
  accept(names: readonly string[], signal?: Signal): Promise<void>;
  books(destination?: string, signal?: Signal): Books;
  facts(destination?: string): DeliveryFacts;
  /** Waits until a destination waits for its next attempt; returns in how many milliseconds that is. */
  waiting(destination?: string): Promise<number>;
  /** Waits until nothing is pending, then checks that the books balance and agree with the stored rows. */
  drained(destination?: string): Promise<void>;
  /** Checks that the books balance and agree with the stored rows. */
  balanced(): Promise<void>;
}

export const pointsPerRequest = 2;

/** How long delivery waits, when it stops, for the answer to what is in flight. */
export const stopMs = 300;

export interface RelayOptions {
  readonly random?: () => number;
  readonly wakeJitterMs?: number;
  /** PEM certificates of authorities to trust instead of the runtime's own. */
  readonly trustedCertificates?: readonly string[];
  /** Stands between delivery and the spool. */
  readonly around?: (spool: DeliverySpool) => DeliverySpool;
}

const cleanups: (() => Promise<void>)[] = [];

/** Does this after the test, before what was registered earlier. */
export function cleanup(action: () => Promise<void>): void {
  cleanups.push(action);
}

afterEach(async () => {
  for (const action of cleanups.splice(0).reverse()) await action();
});

export async function startRelay(options: RelayOptions = {}): Promise<Relay> {
  const folder = await mkdtemp(join(tmpdir(), 'span-relay-delivery-'));
  const clock = handClock(Date.UTC(2026, 10, 20, 10));
  const logged: string[] = [];
  const note = (message: string, fields: object = {}) => void logged.push(`${message} ${JSON.stringify(fields)}`);
  const log: Log = { info: note, warn: note, error: note };
  const spool = openSpool({
    folder,
    log,
    limits: ampleLimits,
    destinations: [],
    thread: { same: true, now: () => clock.now() },
    integrityCheckAfterMs: 0,
  });
  const credentials = await createCredentials({
    load: async () => ({ presented: [], worked: [] }),
    save: async () => undefined,
    clock,
    log,
  });
  const exporters = createExporters({
    clock,
    version: '0.0.0',
    connector: testConnector({ clock, ...options }),
  });
  const delivery = createDelivery({
    spool: options.around?.(spool) ?? spool,
    exporters,
    attribution: { enrich: (_rules, _signal, body) => body },
    credentials,
    clock,
    random: options.random ?? (() => 0.5),
    log,
    wakeJitterMs: options.wakeJitterMs ?? 0,
  });
  cleanups.push(async () => {
    const stopped = delivery.stop();
    clock.advance(stopMs);
    await stopped;
    await spool.close();
    await rm(folder, { recursive: true });
  });

  const relay: Relay = {
    spool,
    delivery,
    credentials,
    clock,
    logged,
    async configure(...destinations) {
      await spool.setDestinations(destinations);
      delivery.setDestinations(destinations);
    },
    async accept(names, signal = 'metrics') {
      await Promise.all(
        names.map((name) => spool.accept({ signal, body: encodeRequest(name), points: pointsPerRequest })),
      );
    },
    books(destination = 'span', signal = 'metrics') {
      const row = spool.books().ledger.find((one) => one.destination === destination && one.signal === signal);
      if (row === undefined) throw new Error(`No books for ${destination} ${signal}`);
      return row;
    },
    facts(destination = 'span') {
      const facts = delivery.facts().find(({ name }) => name === destination);
      if (facts === undefined) throw new Error(`No facts for ${destination}`);
      return facts;
    },
    async waiting(destination = 'span') {
      await until(`${destination} waits`, () => relay.facts(destination).nextAttemptAt !== null);
      return (relay.facts(destination).nextAttemptAt ?? 0) - clock.now();
    },
    async drained(destination = 'span') {
      const pending = () =>
        spool.books().pending.reduce((sum, row) => sum + (row.destination === destination ? row.requests : 0), 0);
      await until(`${destination} has everything`, () => pending() === 0);
      await relay.balanced();
    },
    async balanced() {
      expect(await spool.verify()).toEqual([]);
      for (const row of spool.books().ledger) expect(imbalance(row)).toBe(0);
    },
  };
  return relay;
}

export async function vendorWith(options: VendorOptions = {}): Promise<Vendor> {
  const vendor = await startVendor(options);
  cleanups.push(() => vendor.stop());
  return vendor;
}

export async function grpcVendorWith(options: GrpcVendorOptions = {}): Promise<GrpcVendor> {
  const vendor = await startGrpcVendor(options);
  cleanups.push(() => vendor.stop());
  return vendor;
}

export function destinationAt(url: string, more: Partial<Destination> = {}): Destination {
  return { ...heldDestination('span', ['metrics']), endpoint: url, ...more };
}

/** Requests that name themselves: of any signal, with the name as the schema URL of their one resource. */
export function encodeRequest(name: string): Uint8Array {
  const text = Buffer.from(name);
  if (text.length > 125) throw new Error('The name is too long');
  return Buffer.concat([Buffer.from([0x0a, text.length + 2, 0x1a, text.length]), text]);
}

/** The names of the requests that were merged into this one. */
export function namesIn({ body }: Pick<VendorRequest, 'body'>): string[] {
  if (body[0] === 0x7b) return namesInJson(JSON.parse(body.toString()));
  const names: string[] = [];
  for (let at = 0; at < body.length; ) {
    const end = at + 2 + (body[at + 1] ?? 0);
    names.push(body.subarray(at + 4, end).toString());
    at = end;
  }
  return names;
}

function namesInJson(request: Readonly<Record<string, readonly { readonly schemaUrl: string }[]>>): string[] {
  return Object.values(request).flatMap((resources) => resources.map(({ schemaUrl }) => schemaUrl));
}

/** Names of everything that the vendor took, in the order in which it came. */
export function takenBy(vendor: Pick<Vendor, 'accepted'>): string[] {
  return vendor.accepted.flatMap(namesIn);
}

export function numbered(count: number, prefix = 'r'): string[] {
  return Array.from({ length: count }, (_, index) => `${prefix}${index}`);
}
