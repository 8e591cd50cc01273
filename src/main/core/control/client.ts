import { lstat } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import * as v from 'valibot';
import {
  type ControlArgs,
  type ControlErrorCode,
  type ControlMethod,
  type ControlResult,
  controlResponse,
  maxControlResponseBytes,
} from '../../../shared/control.ts';
import { type Clock, systemClock } from '../clock.ts';
import { type ControlPath, controlPath } from './control-path.ts';
import { lineReader } from './line-reader.ts';

export type ControlReply<Result> =
  | { readonly kind: 'ok'; readonly value: Result }
  /** Nobody serves this state folder, or the relay went away before it answered. */
  | { readonly kind: 'not-running' }
  | { readonly kind: 'error'; readonly code: ControlErrorCode | 'timed-out'; readonly message: string };

export interface ControlClient {
  /** Never rejects. Calls may overlap. */
  call<M extends ControlMethod>(
    method: M,
    args: ControlArgs<M>,
    options?: { readonly timeoutMs?: number },
  ): Promise<ControlReply<ControlResult<M>>>;
  close(): void;
}

const defaultTimeoutMs = 10_000;

/** Connects to the relay of a state folder when first called, and again when the connection was lost. */
export function controlClient(stateDir: string, clock: Clock = systemClock): ControlClient {
  const place = controlPath(stateDir, { platform: process.platform, tmpDir: tmpdir() });
  let link: Promise<Link | undefined> | undefined;

  /** Calls that overlap share one connection, also while it is being made. */
  async function linkNow(): Promise<Link | undefined> {
    const shared = link;
    const opened = await shared;
    if (opened?.open === true) return opened;
    if (link === shared) link = openLink(place);
    return link;
  }

  return {
    async call<M extends ControlMethod>(method: M, args: ControlArgs<M>, { timeoutMs = defaultTimeoutMs } = {}) {
      const open = await linkNow();
      if (open === undefined) return { kind: 'not-running' };
      // The answer's shape is the server's promise: both sides derive it from the same schema, and ship together.
      return (await open.request(method, args, timeoutMs, clock)) as ControlReply<ControlResult<M>>;
    },
    close() {
      void link?.then((open) => open?.close());
      link = undefined;
    },
  };
}

interface Link {
  readonly open: boolean;
  request(method: string, args: unknown, timeoutMs: number, clock: Clock): Promise<ControlReply<unknown>>;
  close(): void;
}

/** Undefined when nobody listens. */
async function openLink(place: ControlPath): Promise<Link | undefined> {
  if (!(await isOurs(place))) return undefined;
  const socket = connect(place.path);
  const connected = await new Promise<boolean>((resolve) => {
    socket.once('connect', () => resolve(true));
    socket.once('error', () => resolve(false));
  });
  return connected ? linkOver(socket) : undefined;
}

function linkOver(socket: Socket): Link {
  const read = lineReader(maxControlResponseBytes);
  const waiting = new Map<number, (reply: ControlReply<unknown>) => void>();
  let lastId = 0;

  socket.on('data', (chunk) => {
    const lines = read(chunk);
    if (lines === 'too-large') socket.destroy();
    else for (const line of lines) receive(line);
  });
  socket.on('error', () => socket.destroy());
  socket.on('close', () => {
    for (const resolve of waiting.values()) resolve({ kind: 'not-running' });
    waiting.clear();
  });

  function receive(line: string): void {
    const response = v.safeParse(v.pipe(v.string(), v.parseJson(), controlResponse), line);
    // What answers is not a relay: no call on this connection will come to anything.
    if (!response.success) return void socket.destroy();
    const { output } = response;
    const reply: ControlReply<unknown> =
      'error' in output ? { kind: 'error', ...output.error } : { kind: 'ok', value: output.result };
    // Without an id the relay could not read the request, and with it all that share this connection.
    const meant = output.id === null ? [...waiting.values()] : [waiting.get(output.id)];
    for (const resolve of meant) resolve?.(reply);
  }

  return {
    get open() {
      return socket.writable;
    },
    request(method, args, timeoutMs, clock) {
      lastId += 1;
      const id = lastId;
      return new Promise((resolve) => {
        const cancel = clock.after(timeoutMs, () => {
          const message = `The relay did not answer ${method} within ${timeoutMs / 1000} s; is the machine overloaded?`;
          settle({ kind: 'error', code: 'timed-out', message });
        });
        const settle = (reply: ControlReply<unknown>) => {
          cancel();
          waiting.delete(id);
          resolve(reply);
        };
        waiting.set(id, settle);
        socket.write(`${JSON.stringify({ id, method, args })}\n`);
      });
    },
    close: () => socket.end(),
  };
}

/** A folder for temporary files is open to all: somebody else could have put a socket there under our name. */
async function isOurs({ folder, inTmpDir }: ControlPath): Promise<boolean> {
  if (folder === null || !inTmpDir) return true;
  try {
    const { uid, mode } = await lstat(folder);
    return uid === process.getuid?.() && (mode & 0o022) === 0;
  } catch {
    return false;
  }
}
