import { freePort } from '../../test/support/relay.ts';
import { firstAnswer } from './first-answer.ts';
import type { Folder } from './folder.ts';
import { startRelay, writeConfig } from './relay.ts';
import { median } from './stats.ts';

export interface StartTimes {
  /** Medians, from the start of the process. */
  readonly toFirst200Ms: number;
  readonly toReadyLineMs: number;
  readonly worstToFirst200Ms: number;
  readonly starts: number;
}

const pollEveryMs = 2;

/** Starts a relay on the folder again and again. Each start leaves a few requests more in the spool. */
export async function measureStarts(folder: Folder, starts: number): Promise<StartTimes> {
  const port = await freePort();
  await writeConfig(folder.path, { port });
  const first200: number[] = [];
  const readyLine: number[] = [];
  for (let start = 0; start < starts; start++) {
    const startedAt = performance.now();
    await using relay = startRelay(folder.path);
    const ready = relay.ready.then(() => performance.now());
    const { at } = await firstAnswer(port, pollEveryMs);
    first200.push(at - startedAt);
    readyLine.push((await ready) - startedAt);
  }
  return {
    toFirst200Ms: median(first200),
    toReadyLineMs: median(readyLine),
    worstToFirst200Ms: Math.max(...first200),
    starts,
  };
}
