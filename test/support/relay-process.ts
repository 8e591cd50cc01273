import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { LedgerReport } from '../../src/shared/control.ts';
import { type ProcessResult, runProcess } from './run-process.ts';

/** The real relay as a process of its own, with a state folder and a config of its own in a temporary folder. */
export interface RelayProcess extends AsyncDisposable {
  /** Of OTLP/HTTP. Stays the same over a restart. */
  readonly port: number;
  /** Starts it, again after a kill. Resolves once it is ready; rejects with its log when it does not get there. */
  start(): Promise<void>;
  /** SIGKILL, and waits until it is gone. */
  kill(): Promise<void>;
  /** Writes `destinations` of the config; a relay that runs applies it by itself. */
  setDestinations(destinations: readonly object[]): Promise<void>;
  /** A command of the command line for this relay. */
  cli(...args: readonly string[]): Promise<ProcessResult>;
  /** The books, recounted. Rejects when they do not balance. */
  verifiedLedger(): Promise<LedgerReport>;
  /** What it wrote to standard error. */
  log(): string;
}

const cliFile = fileURLToPath(new URL('../../src/main/cli/index.ts', import.meta.url));
const readyWithinMs = 15_000;
const commandTimeoutMs = 20_000;

export async function startRelayProcess(destinations: readonly object[]): Promise<RelayProcess> {
  const folder = await mkdtemp(join(tmpdir(), 'span-relay-'));
  const configFile = join(folder, 'config.json');
  const paths = ['--state-dir', join(folder, 'state'), '--config', configFile];
  let child: ChildProcess | undefined;
  let port = 0;
  let log = '';
  let current = destinations;

  const writeConfig = () =>
    writeFile(configFile, JSON.stringify({ listen: { http: port }, destinations: current }), { mode: 0o600 });
  const kill = async () => {
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, 'exit');
    child.kill('SIGKILL');
    await gone;
  };
  const cli = (...args: readonly string[]) =>
    runProcess(process.execPath, [cliFile, ...args, ...paths], { env: process.env, timeoutMs: commandTimeoutMs });

  const relay: RelayProcess = {
    get port() {
      return port;
    },
    async start() {
      await writeConfig();
      child = spawn(process.execPath, [cliFile, 'run', '--json', ...paths], { stdio: ['ignore', 'pipe', 'pipe'] });
      child.stderr?.setEncoding('utf8').on('data', (text: string) => {
        log += text;
      });
      port = await readyPort(child, () => log);
    },
    kill,
    async setDestinations(destinations) {
      current = destinations;
      await writeConfig();
    },
    cli,
    async verifiedLedger() {
      const { exitCode, stdout, stderr } = await cli('ledger', '--verify', '--json');
      if (exitCode !== 0) throw new Error(`ledger --verify ended with ${exitCode}: ${stdout}${stderr}`);
      return JSON.parse(stdout) as LedgerReport;
    },
    log: () => log,
    async [Symbol.asyncDispose]() {
      await kill();
      await rm(folder, { recursive: true, force: true, maxRetries: 3 });
    },
  };
  try {
    await relay.start();
    return relay;
  } catch (error) {
    await relay[Symbol.asyncDispose]();
    throw error;
  }
}

/** From the ready line. */
function readyPort(child: ChildProcess, log: () => string): Promise<number> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`The relay was not ready in time. ${log()}`)), readyWithinMs);
    child.on('exit', (code) => reject(new Error(`The relay ended with ${code} before it was ready. ${log()}`)));
    if (child.stdout === null) throw new TypeError('standard output is a pipe');
    createInterface({ input: child.stdout }).once('line', (line) => {
      clearTimeout(timer);
      resolve((JSON.parse(line) as { readonly http: number }).http);
    });
  });
}
