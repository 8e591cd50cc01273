import { access } from 'node:fs/promises';
import { type ControlArgs, ControlFailure, type ControlHandlers, type ControlResult } from '../../shared/control.ts';
import { controlClient } from '../core/control/client.ts';
import type { RelayPaths } from '../core/policy/paths.ts';
import { CliError } from './cli-error.ts';
import type { Io } from './io.ts';

/** The methods that need only the spool, not a running relay. */
export type SpoolMethod =
  | 'ledger'
  | 'verify'
  | 'quarantineList'
  | 'quarantineShow'
  | 'quarantineRetry'
  | 'quarantineDiscard'
  | 'quarantinePayload';

export type SpoolHandlers = Pick<ControlHandlers, SpoolMethod>;

export interface SpoolAccess {
  /** Throws `CliError` when it fails. */
  call<M extends SpoolMethod>(method: M, args: ControlArgs<M>): Promise<ControlResult<M>>;
}

/** The spool of a state folder on which no relay runs, opened under the relay's lock. */
export type OfflineSpool =
  | { readonly kind: 'opened'; readonly handlers: SpoolHandlers; close(): Promise<void> }
  | { readonly kind: 'failed'; readonly message: string };

/** Large payloads and recounts of a full spool take their time. */
const callTimeoutMs = 120_000;

/** Lets `use` work on the spool: through the relay where one runs, else by opening it here. */
export async function withSpool<T>(
  { stateDir }: RelayPaths,
  io: Io,
  use: (spool: SpoolAccess) => Promise<T>,
): Promise<T> {
  const client = controlClient(stateDir, io.clock);
  let offline: Extract<OfflineSpool, { kind: 'opened' }> | undefined;
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

async function openSpool(stateDir: string): Promise<Extract<OfflineSpool, { kind: 'opened' }>> {
  if (!(await exists(stateDir))) {
    throw new CliError(
      `There is no state folder ${stateDir}: no relay has run there yet. Name another with --state-dir.`,
    );
  }
  const { openOffline } = await import('../core/agent.ts');
  const opened: OfflineSpool = await openOffline(stateDir);
  if (opened.kind === 'failed') throw new CliError(opened.message);
  return opened;
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

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
