import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Context } from '../support/context.ts';
import { fill } from '../support/filled-folder.ts';
import { temporaryFolder } from '../support/folder.ts';
import { load } from '../support/load.ts';
import { startReadyRelay } from '../support/relay.ts';
import { startVendor } from '../support/vendor.ts';

export interface Profile {
  readonly what: string;
  readonly threads: readonly ThreadProfile[];
}

export interface ThreadProfile {
  readonly thread: string;
  /** Share of the time in which the thread had something to do. */
  readonly busy: number;
  /** Self time, as a share of the busy time, largest first. */
  readonly top: readonly { readonly name: string; readonly share: number }[];
}

const topFunctions = 10;
const drainRequests = 50_000;

/** Where the relay's threads spend their time: `node --cpu-prof` on the relay under each kind of load. */
export async function measureProfiles({ quick, say }: Context): Promise<readonly Profile[]> {
  const seconds = quick ? 2 : 5;
  const profiles: Profile[] = [];
  for (const connections of [1, 64]) {
    const what = `accepting at ${connections} ${connections === 1 ? 'connection' : 'connections'}`;
    say(`profile: ${what}`);
    profiles.push(await profileOf(what, (port) => load(port, connections, seconds)));
  }
  say('profile: draining');
  profiles.push(await profileDrain(quick ? drainRequests / 10 : drainRequests));
  return profiles;
}

async function profileOf(what: string, run: (port: number) => Promise<unknown>): Promise<Profile> {
  await using folder = await temporaryFolder();
  const relay = await startReadyRelay(folder.path, {}, { nodeArgs: profilerInto(folder.path) });
  try {
    await run(relay.port);
  } finally {
    await relay[Symbol.asyncDispose]();
  }
  return { what, threads: await readProfiles(folder.path) };
}

async function profileDrain(requests: number): Promise<Profile> {
  await using folder = await temporaryFolder();
  await fill(folder, requests);
  await using vendor = await startVendor();
  const relay = await startReadyRelay(folder.path, { endpoint: vendor.url }, { nodeArgs: profilerInto(folder.path) });
  try {
    while ((await relay.pendingRequests()) > 0) await new Promise((resolve) => setTimeout(resolve, 50));
  } finally {
    await relay[Symbol.asyncDispose]();
  }
  return { what: `draining ${requests.toLocaleString('en')} requests`, threads: await readProfiles(folder.path) };
}

function profilerInto(folder: string): string[] {
  return ['--cpu-prof', `--cpu-prof-dir=${join(folder, 'profiles')}`, '--cpu-prof-interval=500'];
}

/** https://chromedevtools.github.io/devtools-protocol/tot/Profiler/#type-Profile */
interface CpuProfile {
  readonly nodes: readonly {
    readonly id: number;
    readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number };
  }[];
  readonly samples: readonly number[];
  readonly timeDeltas: readonly number[];
}

async function readProfiles(folder: string): Promise<readonly ThreadProfile[]> {
  const files = await readdir(join(folder, 'profiles'));
  const profiles = await Promise.all(
    files.map(async (file) => ({
      // CPU.DATE.TIME.PID.THREAD.NUMBER.cpuprofile
      thread: Number(file.split('.')[4]),
      profile: JSON.parse(await readFile(join(folder, 'profiles', file), 'utf8')) as CpuProfile,
    })),
  );
  return profiles
    .sort((a, b) => a.thread - b.thread)
    .map(({ thread, profile }) => summarise(thread === 0 ? 'main' : 'spool', profile));
}

const resting = new Set(['(idle)', '(program)', '(root)']);

function summarise(thread: string, { nodes, samples, timeDeltas }: CpuProfile): ThreadProfile {
  const names = new Map(nodes.map(({ id, callFrame }) => [id, nameOf(callFrame)]));
  const selfMicroseconds = new Map<string, number>();
  let total = 0;
  for (const [at, id] of samples.entries()) {
    const name = names.get(id) ?? '(unknown)';
    const delta = timeDeltas[at] ?? 0;
    total += delta;
    selfMicroseconds.set(name, (selfMicroseconds.get(name) ?? 0) + delta);
  }
  const idle = selfMicroseconds.get('(idle)') ?? 0;
  const busy = total - idle;
  const top = [...selfMicroseconds]
    .filter(([name]) => name === '(program)' || !resting.has(name))
    .sort(([, a], [, b]) => b - a)
    .slice(0, topFunctions)
    .map(([name, microseconds]) => ({ name, share: microseconds / busy }));
  return { thread, busy: busy / total, top };
}

function nameOf({ functionName, url, lineNumber }: CpuProfile['nodes'][number]['callFrame']): string {
  const name = functionName === '' ? '(anonymous)' : functionName;
  if (url === '') return name;
  const file = url.startsWith('node:') ? url : url.slice(url.lastIndexOf('/') + 1);
  return functionName === '' ? `${name} ${file}:${lineNumber + 1}` : `${name} ${file}`;
}
