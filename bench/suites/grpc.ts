import { setTimeout as sleep } from 'node:timers/promises';
import type { Context } from '../support/context.ts';
import { temporaryFolder } from '../support/folder.ts';
import { grpcLoad, type Load, load, medianLoad } from '../support/load.ts';
import { type Memory, memoryOf } from '../support/process-facts.ts';
import { startReadyRelay } from '../support/relay.ts';

export interface GrpcRow {
  /** Exports under way at any moment. */
  readonly concurrent: number;
  /** Each on a connection of its own, as of so many Claude Code sessions. */
  readonly grpc: Load;
  readonly http: Load;
  readonly ofHttp: number;
  /** All on one connection. */
  readonly oneConnection: Load;
}

export interface Grpc {
  readonly repetitions: number;
  readonly rows: readonly GrpcRow[];
  /** Of relays that take nothing else, after the load with the most connections. */
  readonly memory: { readonly grpc: Memory; readonly http: Memory };
}

const concurrentCounts = [1, 16, 64];
const settledAfterMs = 11_000;

/** Acknowledged exports per second by gRPC beside those by HTTP: the same relay, clients of the same kind, in turn. */
export async function measureGrpc({ quick, say }: Context): Promise<Grpc> {
  const repetitions = quick ? 1 : 3;
  const seconds = quick ? 1 : 3;
  const grpc: Load[][] = concurrentCounts.map(() => []);
  const http: Load[][] = concurrentCounts.map(() => []);
  const oneConnection: Load[][] = concurrentCounts.map(() => []);

  for (let repetition = 1; repetition <= repetitions; repetition++) {
    say(`grpc, repetition ${repetition} of ${repetitions}`);
    await using folder = await temporaryFolder();
    await using relay = await startReadyRelay(folder.path);
    // The spool reads its whole file 10 s after the start, once.
    const settled = sleep(quick ? 0 : settledAfterMs);
    await load(relay.port, 64, 2, 'node');
    await grpcLoad(relay.grpcPort, 64, 1, 2);
    await settled;
    for (const [at, concurrent] of concurrentCounts.entries()) {
      http[at]?.push(await load(relay.port, concurrent, seconds, 'node'));
      grpc[at]?.push(await grpcLoad(relay.grpcPort, concurrent, 1, seconds));
      oneConnection[at]?.push(await grpcLoad(relay.grpcPort, 1, concurrent, seconds));
    }
  }

  const rows = concurrentCounts.map((concurrent, at) => {
    const byGrpc = medianLoad(grpc[at] ?? []);
    const byHttp = medianLoad(http[at] ?? []);
    return {
      concurrent,
      grpc: byGrpc,
      http: byHttp,
      ofHttp: byGrpc.perSecond / byHttp.perSecond,
      oneConnection: medianLoad(oneConnection[at] ?? []),
    };
  });
  say('grpc: memory under load');
  const memory = {
    grpc: await measureMemory((relay) => grpcLoad(relay.grpcPort, 64, 1, quick ? 2 : 10)),
    http: await measureMemory((relay) => load(relay.port, 64, quick ? 2 : 10, 'node')),
  };
  return { repetitions, rows, memory };
}

async function measureMemory(
  run: (relay: { readonly port: number; readonly grpcPort: number }) => Promise<Load>,
): Promise<Memory> {
  await using folder = await temporaryFolder();
  await using relay = await startReadyRelay(folder.path);
  await run(relay);
  return await memoryOf(relay.pid);
}
