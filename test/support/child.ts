import { type ChildProcess, type StdioOptions, spawn } from 'node:child_process';

export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface ChildOptions {
  /** All of its environment. */
  readonly env: NodeJS.ProcessEnv;
  readonly cwd?: string;
  /** What it reads from standard input, which is closed where this is absent. */
  readonly input?: string;
  /** From file descriptor 3 on. */
  readonly inherit?: readonly Exclude<StdioOptions, string>[number][];
  /** True where what it starts itself is to be killed with it; it has no effect on Windows. */
  readonly ownGroup?: boolean;
}

/** A program in a process of its own: to be watched and killed. Never outlives this process. */
export interface Child {
  /** Undefined when it could not be started. */
  readonly pid: number | undefined;
  isAlive(): boolean;
  /** Resolves when it has ended and all its output is here; rejects when it could not be started. */
  readonly exited: Promise<Exit>;
  /** How long it ran, or has run so far. */
  durationMs(): number;
  stdout(): string;
  stderr(): string;
  /** The first line on standard output that matches. Rejects, with its last words, when it ends without one. */
  line(pattern: RegExp): Promise<RegExpExecArray>;
  /** Closes our end of its standard output. */
  stopReading(): void;
  kill(signal?: NodeJS.Signals): void;
}

const alive = new Set<Child>();
process.on('exit', () => {
  for (const child of alive) child.kill();
});

export function startChild(program: string, args: readonly string[], options: ChildOptions): Child {
  const { env, cwd, input, inherit = [] } = options;
  const ownGroup = options.ownGroup === true && process.platform !== 'win32';
  const stdio = [input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe', ...inherit] satisfies StdioOptions;
  const spawned: ChildProcess = spawn(program, args, { env, cwd, stdio, detached: ownGroup });
  // Whoever does not read it may close it.
  spawned.stdin?.on('error', () => undefined).end(input);
  const startedAt = performance.now();
  let endedAt: number | undefined;
  let stdout = '';
  let stderr = '';
  spawned.stdout?.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
  });
  spawned.stderr?.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  const exited = new Promise<Exit>((resolve, reject) => {
    spawned.once('error', (error) => {
      alive.delete(child);
      reject(error);
    });
    spawned.once('exit', () => {
      endedAt = performance.now();
    });
    spawned.once('close', (code, signal) => {
      alive.delete(child);
      resolve({ code, signal });
    });
  });
  // Whether anybody waits for it is the caller's choice.
  exited.catch(() => undefined);

  const child: Child = {
    pid: spawned.pid,
    isAlive: () => alive.has(child),
    exited,
    durationMs: () => (endedAt ?? performance.now()) - startedAt,
    stdout: () => stdout,
    stderr: () => stderr,
    line(pattern) {
      return new Promise((resolve, reject) => {
        const look = () => {
          const lines = stdout.split('\n').slice(0, -1);
          const found = lines.map((text) => pattern.exec(text)).find((match) => match !== null);
          if (found === undefined) return;
          spawned.stdout?.off('data', look);
          resolve(found);
        };
        spawned.stdout?.on('data', look);
        look();
        const end = ({ code, signal }: Exit) =>
          reject(new Error(`It ended (${code ?? signal}) without the line ${pattern}:\n${stderr.slice(-2_000)}`));
        exited.then(end, reject);
      });
    },
    stopReading: () => void spawned.stdout?.destroy(),
    kill(signal = 'SIGKILL') {
      if (!alive.has(child)) return;
      if (ownGroup && spawned.pid !== undefined) process.kill(-spawned.pid, signal);
      else spawned.kill(signal);
    },
  };
  alive.add(child);
  return child;
}
