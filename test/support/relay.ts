import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ControlClient, controlClient } from '../../src/main/core/control/client.ts';
import type { ControlArgs, ControlMethod, ControlResult, LedgerReport } from '../../src/shared/control.ts';
import type { HealthSnapshot } from '../../src/shared/health.ts';
import { type ChildOptions, type Exit, startChild } from './child.ts';
import { cliFile, type Finished, runCommand } from './command-line.ts';
import { until } from './until.ts';

/** The folders of one relay, whichever processes run on them, one after the other or at once. */
export interface RelayHome extends AsyncDisposable {
  readonly folder: string;
  readonly stateDir: string;
  readonly configFile: string;
  /** Replaces the config file as a whole. Text is written as it is; of an object, `listen` is any free ports unless it says otherwise. */
  writeConfig(config: object | string): Promise<void>;
  /** Runs another command of the relay on these folders, to its end. */
  command(...words: readonly string[]): Promise<Finished>;
  /** The books, recounted by the command line. Rejects when they do not balance. */
  verifiedLedger(): Promise<LedgerReport>;
}

/** A state folder and a config file that are removed in the end. */
export async function makeHome(config: object | string = {}): Promise<RelayHome> {
  const folder = await mkdtemp(join(tmpdir(), 'span-relay-'));
  const stateDir = join(folder, 'state');
  const configFile = join(folder, 'config.json');
  const home: RelayHome = {
    folder,
    stateDir,
    configFile,
    async writeConfig(changed) {
      const listen = {
        http: 0,
        grpc: 0,
        ...(typeof changed === 'object' && 'listen' in changed ? (changed.listen ?? {}) : {}),
      };
      const text = typeof changed === 'string' ? changed : JSON.stringify({ ...changed, listen });
      await writeFile(`${configFile}.new`, text, { mode: 0o600 });
      await rename(`${configFile}.new`, configFile);
    },
    command: (...words) => runCommand([...words, '--state-dir', stateDir, '--config', configFile]),
    async verifiedLedger() {
      const { exitCode, stdout, stderr } = await home.command('ledger', '--verify', '--json');
      if (exitCode !== 0) throw new Error(`ledger --verify ended with ${exitCode}: ${stdout}${stderr}`);
      return JSON.parse(stdout) as LedgerReport;
    },
    // A relay that was killed a moment ago may still be giving up its files.
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true, maxRetries: 5 }),
  };
  await home.writeConfig(config);
  return home;
}

export interface RelayOptions {
  /** After `run --state-dir … --config …`. */
  readonly args?: readonly string[];
  /** A program that starts the relay, and whose arguments end with the relay's command line: `strace -f`, for instance. */
  readonly under?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** From file descriptor 3 on. */
  readonly inherit?: NonNullable<ChildOptions['inherit']>;
}

/** The real relay as a child process: to be killed at any moment, and watched from outside. */
export interface Relay extends AsyncDisposable {
  /** Of the relay itself, once it is ready. */
  readonly pid: number;
  /** Of the OTLP/HTTP receiver, once it is ready. */
  readonly port: number;
  /** Of the OTLP/gRPC receiver, once it is ready; throws where the ready line has none. */
  readonly grpcPort: number;
  /** Rejects when the relay ends before it is ready, with its last words. */
  readonly ready: Promise<void>;
  readonly exited: Promise<Exit>;
  stdout(): string;
  stderr(): string;
  /** Over the control API. Throws unless the relay answers. */
  call<M extends ControlMethod>(method: M, args: ControlArgs<M>): Promise<ControlResult<M>>;
  status(): Promise<HealthSnapshot>;
  /** Resolves when the status meets the condition. */
  untilStatus(what: string, condition: (status: HealthSnapshot) => boolean): Promise<HealthSnapshot>;
  /** kill -9; resolves when it is gone. */
  kill(): Promise<void>;
  /** Asks it to end; resolves with how it did. */
  stop(signal?: 'SIGTERM' | 'SIGINT'): Promise<Exit>;
}

/** Starts it and returns at once. */
export function startRelay(home: Pick<RelayHome, 'stateDir' | 'configFile'>, options: RelayOptions = {}): Relay {
  const { args = [], under = [], env = {}, inherit = [] } = options;
  const run = [cliFile, 'run', '--state-dir', home.stateDir, '--config', home.configFile, ...args];
  const [program = process.execPath, ...rest] = [...under, process.execPath, ...run];
  const child = startChild(program, rest, { env: { PATH: process.env.PATH, ...env }, inherit });
  let client: ControlClient | undefined;
  const ready = child.line(/^span-relay ready /).then(() => undefined);
  // Whether anybody waits for it is the test's choice.
  ready.catch(() => undefined);
  const hangUp = () => client?.close();
  child.exited.then(hangUp, hangUp);

  function fact(pattern: RegExp): number {
    const found = pattern.exec(child.stdout())?.[1];
    if (found === undefined) throw new Error('The relay is not ready yet.');
    return Number(found);
  }

  function signal(name: NodeJS.Signals): void {
    // What the relay was started under does not always pass a signal on.
    if (under.length > 0 && child.isAlive() && / pid=/.test(child.stdout())) process.kill(relay.pid, name);
    else child.kill(name);
  }

  const relay: Relay = {
    exited: child.exited,
    ready,
    get pid() {
      return fact(/ pid=(\d+) /);
    },
    get port() {
      return fact(/ http=127\.0\.0\.1:(\d+) /);
    },
    get grpcPort() {
      return fact(/ grpc=127\.0\.0\.1:(\d+) /);
    },
    stdout: child.stdout,
    stderr: child.stderr,
    async call(method, callArgs) {
      client ??= controlClient(home.stateDir);
      const reply = await client.call(method, callArgs, { timeoutMs: 60_000 });
      if (reply.kind === 'ok') return reply.value;
      throw new Error(`${method}: ${reply.kind === 'error' ? reply.message : reply.kind}`);
    },
    status: () => relay.call('status', {}),
    async untilStatus(what, condition) {
      let last: HealthSnapshot | undefined;
      try {
        await until(what, async () => {
          last = await relay.status().catch(() => undefined);
          return last !== undefined && condition(last);
        });
      } catch (error) {
        const { findings, destinations, listen } = last ?? {};
        throw new Error(`Last seen: ${JSON.stringify({ findings, destinations, listen })}`, { cause: error });
      }
      if (last === undefined) throw new Error('The relay did not answer.');
      return last;
    },
    async kill() {
      signal('SIGKILL');
      await child.exited;
    },
    stop(name = 'SIGTERM') {
      signal(name);
      return child.exited;
    },
    [Symbol.asyncDispose]: () => relay.kill(),
  };
  return relay;
}

/** A port that nobody had a moment ago, on IPv4 and IPv6, below the range that the system gives to clients. */
export async function freePort(): Promise<number> {
  for (let attempt = 0; attempt < 100; attempt++) {
    const port = 15_000 + Math.floor(Math.random() * 15_000);
    if ((await isFree('127.0.0.1', port)) && (await isFree('::1', port))) return port;
  }
  throw new Error('No free port was found.');
}

function isFree(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', (error: NodeJS.ErrnoException) => resolve(error.code !== 'EADDRINUSE'));
    server.listen({ host, port, exclusive: true }, () => server.close(() => resolve(true)));
  });
}
