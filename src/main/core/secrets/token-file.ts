import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import type { Clock } from '../clock.ts';
import type { Log } from '../log.ts';
import { watchFile } from '../watch-file.ts';
import { parseToken, type TokenReading, unusable } from './token.ts';

/** A file whose text is a token, followed while somebody else replaces it. */
export interface TokenFile {
  readonly path: string;
  /** What it holds, as last read; undefined until it has been read once. */
  readonly reading: TokenReading | undefined;
  /** Resolves when it has been read once, or has turned out not to answer. */
  readonly firstRead: Promise<void>;
  close(): Promise<void>;
}

export interface TokenFileOptions {
  readonly path: string;
  /** Told whenever it holds a token that it did not hold before. */
  readonly onToken: () => void;
  readonly clock: Clock;
  readonly log: Log;
}

/** A writer's work is several events; they are read as one. */
const settleMs = 50;

/** A watch can go deaf: its folder replaced, the system's watches used up, a folder on a network. */
const recheckMs = 60_000;

/** A file on a network that is away may not answer for hours; nothing waits longer for it. */
const answerWithinMs = 5_000;

export function followTokenFile({ path, onToken, clock, log }: TokenFileOptions): TokenFile {
  const firstRead = Promise.withResolvers<void>();
  let reading: TokenReading | undefined;
  let closed = false;
  let work = Promise.resolve();
  let cancelSettle = (): void => undefined;
  let cancelRecheck = (): void => undefined;

  function become(next: TokenReading): void {
    if (closed || isSame(next, reading)) return;
    reading = next;
    if (next.kind === 'unusable') {
      log.warn('the token file cannot be used', { file: path, problem: next.problem });
      return;
    }
    log.info('a token was read from its file', { file: path });
    onToken();
  }

  function read(): Promise<void> {
    work = work.then(async () => {
      if (closed) return;
      const cancel = clock.after(answerWithinMs, () => {
        become(unusable('does not answer'));
        firstRead.resolve();
      });
      become(await readTokenFile(path));
      cancel();
      firstRead.resolve();
    });
    return work;
  }

  function settle(): void {
    cancelSettle();
    cancelSettle = clock.after(settleMs, () => void read());
  }

  function recheck(): void {
    void read();
    cancelRecheck = clock.after(recheckMs, recheck);
  }

  recheck();
  const watching = watchFile(path, settle, (error) => {
    log.warn('the token file cannot be watched; it is read once a minute', { file: path, error: String(error) });
  });

  return {
    path,
    get reading() {
      return reading;
    },
    firstRead: firstRead.promise,
    async close() {
      closed = true;
      firstRead.resolve();
      cancelSettle();
      cancelRecheck();
      const stop = await watching;
      await stop?.();
    },
  };
}

/** Far more than a token needs; what is larger is another file. */
const maxFileBytes = 64 * 1024;

/** Never rejects: whatever is wrong is part of the result, and no part of the content is. */
export async function readTokenFile(path: string): Promise<TokenReading> {
  try {
    // A named pipe must not keep us until somebody writes into it.
    const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      if (!(await file.stat()).isFile()) return unusable('is not a file');
      const content = Buffer.alloc(maxFileBytes + 1);
      let length = 0;
      while (length < content.length) {
        const { bytesRead } = await file.read(content, length, content.length - length);
        if (bytesRead === 0) break;
        length += bytesRead;
      }
      if (length > maxFileBytes) return unusable('is too large to be a token');
      return parseToken(content.subarray(0, length));
    } finally {
      await file.close();
    }
  } catch (error) {
    return unusable(wordsFor(error instanceof Error && 'code' in error ? error.code : 'unknown error'));
  }
}

function wordsFor(code: unknown): string {
  switch (code) {
    case 'ENOENT':
    case 'ENOTDIR':
      return 'does not exist';
    case 'EACCES':
    case 'EPERM':
      return 'is closed to the user of the relay';
    case 'ELOOP':
      return 'is a link that leads in a circle';
    default:
      return `cannot be read (${String(code)})`;
  }
}

function isSame(a: TokenReading, b: TokenReading | undefined): boolean {
  if (a.kind === 'token') return b?.kind === 'token' && a.token === b.token;
  return b?.kind === 'unusable' && a.problem === b.problem;
}
