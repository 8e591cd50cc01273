import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Child, startChild } from './child.ts';
import { freePort } from './relay.ts';
import { type ProcessResult, runProcess } from './run-process.ts';
import { until } from './until.ts';

const binary = 'otelcol';
const askTimeoutMs = 20_000;

/**
 * What the tests' configurations and those of deploy/collector are made of. The contrib distribution has all of it under
 * the name otelcol-contrib; the OpenTelemetry Collector Builder makes a binary of just these.
 */
const parts = [
  ...['receivers otlp', 'receivers kafka', 'processors memory_limiter'],
  ...['exporters otlp_http', 'exporters otlp_grpc', 'exporters kafka'],
  ...['extensions bearertokenauth', 'extensions file_storage', 'extensions health_check'],
];

/** Why no test with a real OpenTelemetry Collector can run here, as one sentence; undefined where they can. */
export async function missingCollector(): Promise<string | undefined> {
  let asked: ProcessResult;
  try {
    asked = await runProcess(binary, ['components'], { env: process.env, timeoutMs: askTimeoutMs });
  } catch {
    return `${binary}, the OpenTelemetry Collector, is not on PATH`;
  }
  const missing = parts.filter((part) => !componentsIn(asked.stdout).has(part));
  return missing.length === 0 ? undefined : `the ${binary} on PATH lacks ${missing.join(', ')}`;
}

/** From the YAML that the Collector prints: a list of names under each kind. */
function componentsIn(listing: string): ReadonlySet<string> {
  let kind = '';
  const found = new Set<string>();
  for (const line of listing.split('\n')) {
    kind = /^(\w+):/.exec(line)?.[1] ?? kind;
    const name = /^\s+- name: (\S+)/.exec(line)?.[1];
    if (name !== undefined) found.add(`${kind} ${name}`);
  }
  return found;
}

type Variables = Readonly<Record<string, string>>;

export function validateCollectorConfig(file: string, env: Variables = {}): Promise<ProcessResult> {
  const options = { env: { PATH: process.env.PATH, ...env }, timeoutMs: askTimeoutMs };
  return runProcess(binary, ['validate', '--config', file], options);
}

/** A real Collector on this machine, to be killed and started again on the same ports. */
export interface Collector extends AsyncDisposable {
  /** Where its OTLP receivers listen, without a trailing slash. */
  readonly http: string;
  readonly grpc: string;
  /** What it has logged since its last start. */
  log(): string;
  /** Resolves when it is ready. With a config, it has that one from now on. */
  start(config?: CollectorConfig): Promise<void>;
  /** Asks it to end, and waits for that. */
  stop(): Promise<void>;
  /** kill -9, and waits until it is gone. */
  kill(): Promise<void>;
}

export interface CollectorPorts {
  readonly http: number;
  readonly grpc: number;
}

/** JSON, which is YAML too, made for these ports; or a file, with the variables that it asks for. */
export type CollectorConfig =
  | ((ports: CollectorPorts) => object)
  | { readonly file: string; readonly env: (ports: CollectorPorts) => Variables };

/** Not started yet. */
export async function makeCollector(first: CollectorConfig): Promise<Collector> {
  const folder = await mkdtemp(join(tmpdir(), 'span-relay-otelcol-'));
  const ports = { http: await freePort(), grpc: await freePort() };
  let config = first;
  let child: Child | undefined;

  async function end(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    child?.kill(signal);
    await child?.exited;
    child = undefined;
  }

  return {
    http: `http://127.0.0.1:${ports.http}`,
    grpc: `http://127.0.0.1:${ports.grpc}`,
    log: () => child?.stderr() ?? '',
    async start(changed = config) {
      config = changed;
      const own = join(folder, 'config.json');
      const [file, env] = typeof config === 'function' ? [own, {}] : [config.file, config.env(ports)];
      if (typeof config === 'function') await writeFile(own, JSON.stringify(config(ports)));
      const started = startChild(binary, ['--config', file], { env: { PATH: process.env.PATH, ...env } });
      child = started;
      await until('the Collector is ready', () => {
        if (!started.isAlive()) throw new Error(`The Collector ended: ${started.stderr().slice(-2_000)}`);
        return started.stderr().includes('Everything is ready');
      });
    },
    stop: () => end('SIGTERM'),
    kill: () => end('SIGKILL'),
    async [Symbol.asyncDispose]() {
      await end('SIGKILL');
      await rm(folder, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}
