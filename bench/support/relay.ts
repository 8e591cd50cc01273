import { rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type ControlClient, controlClient } from '../../src/main/core/control/client.ts';
import type { HealthSnapshot } from '../../src/shared/health.ts';
import { type Child, startChild } from './children.ts';

const entry = fileURLToPath(new URL('../../dist/main/cli/index.js', import.meta.url));
const maxSpoolBytes = 64 * 2 ** 30;

export interface RelayConfig {
  readonly port?: number;
  /** The base URL of the one destination; without it data is kept for a destination to come. */
  readonly endpoint?: string;
  /** In its place, several. */
  readonly destinations?: readonly { readonly name: string; readonly endpoint: string; readonly protocol?: string }[];
}

/** The built relay as a process of its own. */
export interface Relay extends AsyncDisposable {
  readonly pid: number;
  /** Once it is ready. */
  readonly port: number;
  readonly grpcPort: number;
  readonly ready: Promise<void>;
  readonly exited: Promise<void>;
  status(): Promise<HealthSnapshot>;
  /** Requests that are owed to the destination. */
  pendingRequests(): Promise<number>;
  kill(): Promise<void>;
}

export async function writeConfig(folder: string, { port = 0, endpoint, ...rest }: RelayConfig): Promise<void> {
  const file = join(folder, 'config.json');
  const { destinations = endpoint === undefined ? [] : [{ name: 'span', endpoint }] } = rest;
  const config = { listen: { http: port, grpc: 0 }, destinations, spool: { maxBytes: maxSpoolBytes, maxAgeDays: 30 } };
  await writeFile(`${file}.new`, JSON.stringify(config), { mode: 0o600 });
  await rename(`${file}.new`, file);
}

/** Starts it on a folder that has a config, and returns at once. */
export function startRelay(folder: string, options: { nodeArgs?: string[]; replace?: boolean } = {}): Relay {
  const { nodeArgs = [], replace = false } = options;
  const stateDir = join(folder, 'state');
  const run = ['run', '--state-dir', stateDir, '--config', join(folder, 'config.json')];
  const child: Child = startChild(process.execPath, [...nodeArgs, entry, ...run, ...(replace ? ['--replace'] : [])]);
  let [port, grpcPort] = [0, 0];
  let client: ControlClient | undefined;
  const readyLine = /^span-relay ready http=127\.0\.0\.1:(\d+) grpc=127\.0\.0\.1:(\d+) /;
  const ready = child.line(readyLine, 60_000).then((found) => {
    [port, grpcPort] = [Number(found[1]), Number(found[2])];
  });
  // Whoever kills it before it is ready does not wait for it.
  ready.catch(() => undefined);
  void child.exited.then(() => client?.close());

  async function status(): Promise<HealthSnapshot> {
    client ??= controlClient(stateDir);
    const reply = await client.call('status', {}, { timeoutMs: 30_000 });
    if (reply.kind === 'ok') return reply.value;
    throw new Error(`The relay does not tell its status: ${reply.kind === 'error' ? reply.message : reply.kind}`);
  }

  return {
    pid: child.pid,
    get port() {
      return port;
    },
    get grpcPort() {
      return grpcPort;
    },
    ready,
    exited: child.exited,
    status,
    async pendingRequests() {
      const { destinations } = await status();
      return destinations.reduce((sum, { pending }) => sum + pending.requests, 0);
    },
    async kill() {
      child.kill('SIGKILL');
      await child.exited;
    },
    async [Symbol.asyncDispose]() {
      client?.close();
      await child[Symbol.asyncDispose]();
    },
  };
}

/** Starts it and waits until it is ready. */
export async function startReadyRelay(
  folder: string,
  config: RelayConfig = {},
  options: { nodeArgs?: string[] } = {},
): Promise<Relay> {
  await writeConfig(folder, config);
  const relay = startRelay(folder, options);
  try {
    await relay.ready;
    return relay;
  } catch (error) {
    await relay.kill();
    throw error;
  }
}
