import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

/** A process that the benchmark started and ends by its pid. */
export interface Child extends AsyncDisposable {
  readonly pid: number;
  readonly exited: Promise<void>;
  /** The first line on standard output that matches. Rejects, with the last words, when the process ends or time is up. */
  line(pattern: RegExp, timeoutMs?: number): Promise<RegExpExecArray>;
  /** All of standard output, once the process has ended. Rejects when it failed or time is up. */
  output(timeoutMs: number): Promise<string>;
  /** Ends standard input: how the programs of the benchmark are asked to report and end. */
  finish(): void;
  kill(signal?: NodeJS.Signals): void;
}

const alive = new Set<ChildProcess>();
const stopWithinMs = 5_000;
const keptLogCharacters = 2_000;

function killAll(): void {
  for (const child of alive) child.kill('SIGKILL');
}

process.on('exit', killAll);
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => process.exit(130));

export function startChild(command: string, args: readonly string[]): Child {
  const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'pipe'] });
  alive.add(child);
  let stdout = '';
  let stderr = '';
  const lines: string[] = [];
  const waiting = new Set<() => void>();
  const wakeAll = () => {
    for (const wake of waiting) wake();
  };
  createInterface({ input: child.stdout }).on('line', (text) => {
    stdout += `${text}\n`;
    lines.push(text);
    wakeAll();
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr = (stderr + text).slice(-keptLogCharacters);
  });
  // It may be gone when it is told something.
  child.stdin.on('error', () => undefined);
  const exited = new Promise<void>((resolve) => {
    child.once('error', (error) => {
      stderr += error.message;
    });
    child.once('close', () => {
      alive.delete(child);
      resolve();
      wakeAll();
    });
  });

  function failure(what: string): Error {
    return new Error(`${command} ${args.at(0) ?? ''}: ${what}\n${stderr}`);
  }

  function line(pattern: RegExp, timeoutMs = 30_000): Promise<RegExpExecArray> {
    return new Promise((resolve, reject) => {
      const look = () => {
        const found = lines.map((text) => pattern.exec(text)).find((match) => match !== null);
        if (found) settle(() => resolve(found));
        else if (!alive.has(child)) settle(() => reject(failure('ended early')));
      };
      const timer = setTimeout(() => settle(() => reject(failure('took too long'))), timeoutMs);
      const settle = (how: () => void) => {
        clearTimeout(timer);
        waiting.delete(look);
        how();
      };
      waiting.add(look);
      look();
    });
  }

  async function output(timeoutMs: number): Promise<string> {
    const timer = setTimeout(() => void child.kill('SIGKILL'), timeoutMs);
    await exited;
    clearTimeout(timer);
    if (child.exitCode !== 0) throw failure(`ended with ${child.exitCode ?? child.signalCode}`);
    return stdout;
  }

  return {
    get pid() {
      return child.pid ?? 0;
    },
    exited,
    line,
    output,
    finish: () => void child.stdin.end(),
    kill: (signal = 'SIGKILL') => void child.kill(signal),
    async [Symbol.asyncDispose]() {
      if (!alive.has(child)) return;
      child.kill('SIGTERM');
      const timer = setTimeout(() => void child.kill('SIGKILL'), stopWithinMs);
      await exited;
      clearTimeout(timer);
    },
  };
}

/** One of the programs beside this folder, in a process of its own. */
export function startProgram(name: string, ...args: readonly (string | number)[]): Child {
  const file = fileURLToPath(new URL(`../programs/${name}.ts`, import.meta.url));
  return startChild(process.execPath, ['--no-warnings', file, ...args.map(String)]);
}

/** Runs a program to its end and reads the JSON that it prints. */
export async function runProgram<T>(name: string, args: readonly (string | number)[], timeoutMs: number): Promise<T> {
  await using program = startProgram(name, ...args);
  return JSON.parse(await program.output(timeoutMs)) as T;
}

/** Whether there is such a command. */
export async function hasCommand(command: string): Promise<boolean> {
  const child = spawn(command, ['--version'], { stdio: 'ignore' });
  return Promise.race([once(child, 'exit').then(() => true), once(child, 'error').then(() => false)]).catch(
    () => false,
  );
}
