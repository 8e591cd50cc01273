import { ControlFailure, type ControlHandlers, type QuarantinePayload } from '../../../shared/control.ts';
import type { HealthSnapshot } from '../../../shared/health.ts';
import { decodeRequest } from '../otlp/decode.ts';
import { maskConfidential } from '../otlp/mask.ts';
import type { Spool } from '../spool/spool.ts';

/** The part of the control API that needs nothing but the spool: it also works on a spool that no agent runs on. */
export type SpoolHandlers = Pick<
  ControlHandlers,
  | 'ledger'
  | 'verify'
  | 'quarantineList'
  | 'quarantineShow'
  | 'quarantineRetry'
  | 'quarantineDiscard'
  | 'quarantinePayload'
>;

export function spoolHandlers(spool: Spool): SpoolHandlers {
  const find = async (id: number) => {
    const found = await spool.quarantine.payload(id);
    if (!found) throw new ControlFailure('not-found', `There is no quarantined request with the id ${id}.`);
    return found;
  };
  return {
    ledger: async ({ hours }) => ({
      ledger: spool.books().ledger,
      hours: hours ? await spool.hours(hours) : [],
    }),
    verify: async () => ({ problems: await spool.verify() }),
    quarantineList: async ({ destination }) => ({ requests: await spool.quarantine.list(destination) }),
    quarantineShow: async ({ id, unmasked }) => {
      const { request, body } = await find(id);
      const decoded = await decodeRequest(request.signal, body);
      return { request, decoded: unmasked ? decoded : maskConfidential(decoded) };
    },
    quarantineRetry: async ({ id }) => ({ done: await spool.quarantine.retry(id) }),
    quarantineDiscard: async ({ id }) => ({ done: await spool.quarantine.discard(id) }),
    quarantinePayload: async ({ id }): Promise<QuarantinePayload> => {
      const { request, body } = await find(id);
      return { request, base64: Buffer.from(body).toString('base64') };
    },
  };
}

/** The whole control API of a running agent. */
export function agentHandlers(parts: {
  readonly spool: Spool;
  readonly status: () => HealthSnapshot;
  readonly sendTest: ControlHandlers['sendTest'];
  readonly reload: ControlHandlers['reload'];
  /** Begins to stop; the answer goes out meanwhile. */
  readonly stop: () => void;
}): ControlHandlers {
  const stop = async () => {
    setImmediate(parts.stop);
    return {};
  };
  return {
    ...spoolHandlers(parts.spool),
    status: async () => parts.status(),
    sendTest: parts.sendTest,
    reload: parts.reload,
    handOver: stop,
    stop,
  };
}
