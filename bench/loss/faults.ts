import { setTimeout as sleep } from 'node:timers/promises';
import {
  type AnswerScript,
  ok,
  requireToken,
  startVendor,
  status,
  type Vendor,
  type VendorRequest,
} from '../../test/support/vendor.ts';

/** What is wrong between Claude Code and its vendor while the runs last. */
export interface Fault {
  readonly name: string;
  /** Only meaningful with a relay. */
  readonly relayOnly?: boolean;
  /** Kill the relay with SIGKILL after each run, as soon as Claude Code has its answers, and start it again. */
  readonly killRelay?: boolean;
  start(): Promise<FaultyVendor>;
}

export interface FaultyVendor {
  readonly url: string;
  /** What the settings say during the runs. */
  readonly token: string;
  /** What they say once the fault is mended. */
  readonly mendedToken: string;
  mend(): Promise<void>;
  /** What the vendor has taken. */
  arrived(): readonly VendorRequest[];
  /** What the vendor has read, whatever became of it. */
  seen(): readonly VendorRequest[];
  stop(): Promise<void>;
}

const token = 'token-of-the-benchmark';
const slowByMs = 30_000;
/** Long enough that a relay is killed while it waits for the answer. */
const answerAfterMs = 300;

export const healthy: Fault = { name: 'vendor healthy', start: async () => scripted(await startVendor()) };

export const faults: readonly Fault[] = [
  healthy,
  answering('vendor answers 503, Retry-After 1', () => status(503, { 'retry-after': '1' })),
  { name: 'connection refused', start: closedPort },
  answering('vendor accepts and never answers', () => ({ kind: 'hang' })),
  answering(`vendor slow by ${slowByMs / 1_000} s`, () => sleep(slowByMs, ok(), { ref: false })),
  {
    name: 'vendor answers 401 until the token is fixed',
    async start() {
      const vendor = await startVendor({ answer: requireToken('X-Span-Token', () => token) });
      return { ...scripted(vendor), token: 'token-that-was-rotated', mend: async () => undefined };
    },
  },
  {
    name: 'relay killed with -9 after each run',
    relayOnly: true,
    killRelay: true,
    async start() {
      const vendor = await startVendor({ answer: () => sleep(answerAfterMs, ok()) });
      // It keeps what it has read, also when whoever sent it dies before the answer.
      return { ...scripted(vendor), arrived: () => vendor.seen };
    },
  },
];

/** Until it is mended, the vendor does this. */
function answering(name: string, answer: AnswerScript): Fault {
  return { name, start: async () => scripted(await startVendor({ answer })) };
}

function scripted(vendor: Vendor): FaultyVendor {
  return {
    url: vendor.url,
    token,
    mendedToken: token,
    async mend() {
      vendor.setAnswer(() => ok());
    },
    arrived: () => vendor.accepted,
    seen: () => vendor.seen,
    stop: () => vendor.stop(),
  };
}

async function closedPort(): Promise<FaultyVendor> {
  const { port, url, stop } = await startVendor();
  await stop();
  let back: Vendor | undefined;
  return {
    url,
    token,
    mendedToken: token,
    async mend() {
      back = await startVendor({ port });
    },
    arrived: () => back?.accepted ?? [],
    seen: () => back?.seen ?? [],
    stop: async () => back?.stop(),
  };
}
