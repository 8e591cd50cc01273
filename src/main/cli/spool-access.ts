import { type ControlArgs, ControlFailure, type ControlResult } from '../../shared/control.ts';
import { controlClient } from '../core/control/client.ts';
import type { SpoolHandlers } from '../core/control/handlers.ts';
import type { Offline } from '../core/offline.ts';
import type { RelayPaths } from '../core/policy/paths.ts';
import { CliError } from './cli-error.ts';
import type { Io } from './io.ts';

type SpoolMethod = keyof SpoolHandlers;

export interface SpoolAccess {
  /** Throws `CliError` when it fails. */
  call<M extends SpoolMethod>(method: M, args: ControlArgs<M>): Promise<ControlResult<M>>;
}

type OpenSpool = Extract<Offline, { kind: 'open' }>;

/** Large payloads and recounts of a full spool take their time. */
const callTimeoutMs = 120_000;

/** Lets `use` work on the spool: through the relay where one runs, else by opening it here. */
export async function withSpool<T>(
  { stateDir }: RelayPaths,
  io: Io,
  use: (spool: SpoolAccess) => Promise<T>,
): Promise<T> {
  const client = controlClient(stateDir, io.clock);
  let offline: OpenSpool | undefined;
  try {
    return await use({
      async call<M extends SpoolMethod>(method: M, args: ControlArgs<M>) {
        if (offline === undefined) {
          const reply = await client.call(method, args, { timeoutMs: callTimeoutMs });
          if (reply.kind === 'ok') return reply.value;
          if (reply.kind === 'error') throw new CliError(reply.message);
          offline = await openSpool(stateDir);
        }
        return await callOffline(offline.handlers, method, args);
      },
    });
  } finally {
    client.close();
    await offline?.close();
  }
}

async function openSpool(stateDir: string): Promise<OpenSpool> {
  const { openOffline } = await import('../core/offline.ts');
  const offline = await openOffline(stateDir);
  switch (offline.kind) {
    case 'open':
      return offline;
    case 'empty':
      throw new CliError(
        `There is no spool in ${stateDir}: no relay has run there yet. Name another folder with --state-dir.`,
      );
    case 'taken': {
      const holder = offline.pid === undefined ? 'another process' : `process ${offline.pid}`;
      throw new CliError(`${stateDir} is in use by ${holder}, which does not answer. Try again in a moment.`);
    }
  }
}

async function callOffline<M extends SpoolMethod>(
  handlers: SpoolHandlers,
  method: M,
  args: ControlArgs<M>,
): Promise<ControlResult<M>> {
  try {
    return await handlers[method](args);
  } catch (error) {
    throw error instanceof ControlFailure ? new CliError(error.message) : error;
  }
}
