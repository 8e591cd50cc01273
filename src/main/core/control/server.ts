import { once } from 'node:events';
import { chmod, rm } from 'node:fs/promises';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import * as v from 'valibot';
import {
  type ControlArgs,
  type ControlError,
  ControlFailure,
  type ControlHandlers,
  type ControlMethod,
  controlRequest,
  controlSchema,
  isControlMethod,
  maxControlRequestBytes,
  maxControlResponseBytes,
} from '../../../shared/control.ts';
import { type Clock, systemClock } from '../clock.ts';
import type { Log } from '../log.ts';
import { ensurePrivateFolder } from '../policy/private-file.ts';
import { controlPath } from './control-path.ts';
import { lineReader } from './line-reader.ts';

export interface ControlServerOptions {
  readonly stateDir: string;
  readonly handlers: ControlHandlers;
  readonly log: Log;
  readonly clock?: Clock;
}

export interface ControlServer {
  readonly path: string;
  /** Takes no more requests, lets those that run answer (for at most half a second), and removes the socket. */
  close(): Promise<void>;
}

export type ControlServerStart =
  | { readonly kind: 'listening'; readonly server: ControlServer }
  | { readonly kind: 'failed'; readonly message: string };

const maxConnections = 64;

/** Requests of one connection that run at once; the rest waits unread. */
const maxInFlight = 16;

const closeGraceMs = 500;

/**
 * Serves the control API to this user only: newline-delimited JSON on a Unix socket (0600 in a 0700 folder) or a named
 * pipe. The caller holds the lock of the state folder, so a socket file that is already there belongs to nobody.
 */
export async function startControlServer(options: ControlServerOptions): Promise<ControlServerStart> {
  const { stateDir, handlers, log, clock = systemClock } = options;
  const { path, folder } = controlPath(stateDir, { platform: process.platform, tmpDir: tmpdir() });
  const connections = new Set<Connection>();
  const server = createServer((socket) => {
    const connection = serve(socket, handlers, log);
    connections.add(connection);
    socket.once('close', () => connections.delete(connection));
  });
  server.maxConnections = maxConnections;
  try {
    if (folder !== null) {
      await ensurePrivateFolder(folder);
      await rm(path, { force: true });
    }
    await listen(server, path);
    if (folder !== null) await chmod(path, 0o600);
  } catch (error) {
    server.close();
    const reason = error instanceof Error ? error.message : String(error);
    return { kind: 'failed', message: `The control socket ${path} cannot be opened: ${reason}` };
  }
  server.on('error', (error) => log.warn('control socket', { error: error.message }));

  async function stop(): Promise<void> {
    const closed = once(server, 'close');
    server.close();
    for (const connection of connections) connection.finish();
    const cancel = clock.after(closeGraceMs, () => {
      for (const connection of connections) connection.destroy();
    });
    await closed;
    cancel();
  }

  let closing: Promise<void> | undefined;
  return {
    kind: 'listening',
    server: {
      path,
      close() {
        closing ??= stop();
        return closing;
      },
    },
  };
}

async function listen(server: Server, path: string): Promise<void> {
  server.listen(path);
  await once(server, 'listening');
}

interface Connection {
  /** Ends the connection when the requests that run have answered. */
  finish(): void;
  destroy(): void;
}

function serve(socket: Socket, handlers: ControlHandlers, log: Log): Connection {
  const read = lineReader(maxControlRequestBytes);
  let waiting: string[] = [];
  let inFlight = 0;
  let finishing = false;

  socket.on('error', (error) => log.info('control connection broke', { error: error.message }));
  socket.on('data', (chunk) => {
    if (finishing) return;
    const lines = read(chunk);
    if (lines === 'too-large') {
      send({ id: null, error: { code: 'too-large', message: `A request may have ${maxControlRequestBytes} bytes.` } });
      finish();
      return;
    }
    waiting.push(...lines.filter((line) => line.trim() !== ''));
    pump();
  });
  socket.on('drain', pump);

  function pump(): void {
    // A client that does not read its answers is not given more of them.
    while (inFlight < maxInFlight && !socket.writableNeedDrain) {
      const line = waiting.shift();
      if (line === undefined) break;
      inFlight += 1;
      void answer(line, handlers, log).then((response) => {
        inFlight -= 1;
        send(response);
        pump();
      });
    }
    if (waiting.length > 0) socket.pause();
    else socket.resume();
    if (finishing && inFlight === 0) socket.end(() => socket.destroy());
  }

  function send(response: ControlAnswer): void {
    if (socket.writable) socket.write(encode(response));
  }

  function finish(): void {
    finishing = true;
    waiting = [];
    pump();
  }

  return { finish, destroy: () => socket.destroy() };
}

type ControlAnswer =
  | { readonly id: number; readonly result: unknown }
  | { readonly id: number | null; readonly error: ControlError };

function encode(response: ControlAnswer): string {
  const line = JSON.stringify(response);
  if (Buffer.byteLength(line) <= maxControlResponseBytes) return `${line}\n`;
  const error: ControlError = { code: 'too-large', message: 'The answer is too large to show; export it instead.' };
  return `${JSON.stringify({ id: response.id, error })}\n`;
}

async function answer(line: string, handlers: ControlHandlers, log: Log): Promise<ControlAnswer> {
  const request = v.safeParse(controlRequest, parseLine(line));
  if (!request.success) {
    return {
      id: null,
      error: { code: 'bad-request', message: 'A request is one line of JSON: {"id", "method", "args"}.' },
    };
  }
  const { id, method, args } = request.output;
  if (!isControlMethod(method)) {
    const known = Object.keys(controlSchema).join(', ');
    return { id, error: { code: 'unknown-method', message: `There is no such method. The methods are ${known}.` } };
  }
  try {
    return { id, result: await call(handlers, method, args) };
  } catch (error) {
    if (error instanceof ControlFailure) return { id, error: { code: error.code, message: error.message } };
    log.error('control request failed', {
      method,
      error: error instanceof Error ? (error.stack ?? error.message) : String(error),
    });
    return { id, error: { code: 'failed', message: `${method} failed inside the relay; its log says more.` } };
  }
}

function call<M extends ControlMethod>(handlers: ControlHandlers, method: M, args: unknown): Promise<unknown> {
  const parsed = v.safeParse(controlSchema[method].args, args);
  if (!parsed.success) {
    const problems = parsed.issues.map((issue) => `${v.getDotPath(issue) ?? 'args'}: ${issue.message}`);
    throw new ControlFailure('bad-request', `${method}: ${problems.join('; ')}`);
  }
  return handlers[method](parsed.output as ControlArgs<M>);
}

function parseLine(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}
