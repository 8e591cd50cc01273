import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from '../../test/support/relay.ts';
import { startProgram } from '../support/children.ts';
import type { Context } from '../support/context.ts';
import { firstAnswer } from '../support/first-answer.ts';
import { temporaryFolder } from '../support/folder.ts';
import { payloadFile } from '../support/load.ts';
import { type Relay, startReadyRelay, startRelay } from '../support/relay.ts';
import { measureStarts, type StartTimes } from '../support/start-times.ts';
import { median } from '../support/stats.ts';

export interface Restart {
  readonly start: StartTimes;
  readonly afterKill: { readonly kills: number; readonly medianMs: number; readonly worstMs: number };
  readonly planned: Planned;
}

interface Planned {
  readonly restarts: number;
  readonly clients: number;
  readonly acknowledged: number;
  readonly refused: number;
  readonly reset: number;
  readonly otherErrors: number;
  readonly otherAnswers: number;
  readonly longestMs: number;
}

const pollEveryMs = 5;
const clients = 64;

/** How long the port is without an answer: at a start, after kill -9, and during a planned restart. */
export async function measureRestart({ quick, say }: Context): Promise<Restart> {
  const times = quick ? 3 : 10;
  say('restart: starts with an empty spool');
  await using folder = await temporaryFolder();
  const start = await measureStarts(folder, times);
  say('restart: kill -9 under a supervisor');
  const afterKill = await measureKills(times);
  say('restart: planned, under load');
  return { start, afterKill, planned: await measurePlanned(times) };
}

async function measureKills(kills: number): Promise<Restart['afterKill']> {
  await using folder = await temporaryFolder();
  const port = await freePort();
  let relay = await startReadyRelay(folder.path, { port });
  const gapsMs: number[] = [];
  try {
    for (let kill = 0; kill < kills; kill++) {
      await firstAnswer(port, pollEveryMs);
      const killedAt = performance.now();
      // The supervisor: it starts the next one as soon as it learns of the end.
      const restarted = relay.kill().then(() => {
        relay = startRelay(folder.path);
        return relay.ready;
      });
      const { at } = await firstAnswer(port, pollEveryMs);
      gapsMs.push(at - killedAt);
      await restarted;
    }
  } finally {
    await relay[Symbol.asyncDispose]();
  }
  return { kills, medianMs: median(gapsMs), worstMs: Math.max(...gapsMs) };
}

async function measurePlanned(restarts: number): Promise<Planned> {
  await using folder = await temporaryFolder();
  const port = await freePort();
  const relays: Relay[] = [await startReadyRelay(folder.path, { port })];
  try {
    await using load = startProgram('short-connections', port, clients, payloadFile);
    await sleep(500);
    for (let restart = 0; restart < restarts; restart++) {
      const before = relays.at(-1);
      const next = startRelay(folder.path, { replace: true });
      relays.push(next);
      await Promise.all([next.ready, before?.exited]);
      await sleep(300);
    }
    load.finish();
    const counts = JSON.parse(await load.output(60_000)) as Omit<Planned, 'restarts' | 'clients'>;
    return { restarts, clients, ...counts };
  } finally {
    await Promise.all(relays.map((relay) => relay[Symbol.asyncDispose]()));
  }
}
