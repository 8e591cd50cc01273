import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { HealthSnapshot } from '../../../shared/health.ts';
import { type Signal, signals } from '../../../shared/signal.ts';
import type { Clock } from '../../core/clock.ts';
import { siblingModule } from '../../core/sibling-module.ts';
import { CliError } from '../cli-error.ts';
import type { AtExit } from './at-exit.ts';
import { type Balance, balanceOf, booksBySignal } from './balance.ts';
import { type DemoModel, owesFromOutage, type Sample, type Scene, spanOf } from './model.ts';
import { pause } from './pause.ts';
import { type RelayProcess, startRelayProcess } from './relay-process.ts';
import { type Script, scriptOf } from './script.ts';
import { type Counts, type Sessions, startSessions } from './sessions.ts';
import { type StandInSpan, startStandInSpan } from './stand-in-span.ts';
import { makeTemporaryFolder } from './temporary-folder.ts';
import type { View } from './view.ts';

export interface DemoParts {
  readonly durationMs: number;
  readonly clock: Clock;
  readonly view: View;
  /** Aborted when somebody wants the demo to end now. */
  readonly interrupted: AbortSignal;
  readonly atExit: AtExit;
}

const frameEveryMs = 200;
const statusWithinMs = 5_000;

/** About what a vendor across the Internet takes: long enough to see a backlog go. */
const answerAfterMs = 120;

/** How long after its next attempt a relay may take to deliver what it owes. */
const attemptTakesMs = 10_000;

/**
 * Runs the relay, a stand-in for Span and some sessions, and plays the script. Resolves with the balance; undefined when
 * interrupted. Whatever happens, all that was started has ended and the folder is removed when this settles.
 */
export async function playDemo(parts: DemoParts): Promise<Balance | undefined> {
  const { durationMs, clock, view, interrupted, atExit } = parts;
  view.begin();
  const token = `demo-${randomBytes(12).toString('hex')}`;
  await using folder = await makeTemporaryFolder(atExit);
  await using standIn = await startStandInSpan({ token, clock, answerAfterMs });
  const configFile = join(folder.path, 'config.json');
  await writeFile(configFile, configText(standIn.url, token), { mode: 0o600 });
  await using relay = await startRelayProcess({
    entry: siblingModule(import.meta.url, '../index'),
    stateDir: folder.path,
    configFile,
    clock,
    interrupted,
    atExit,
  });
  if (relay === undefined) return undefined;
  await using sessions = startSessions({ port: relay.port, token, clock });

  const stage: Stage = {
    clock,
    relay,
    standIn,
    sessions,
    script: scriptOf(durationMs),
    startedMs: clock.monotonicMs(),
  };
  const last = await perform(stage, view, interrupted);
  if (last === undefined) return undefined;
  const balance = balanceOf({
    exported: sessions.exported,
    acknowledged: sessions.acknowledged,
    books: booksBySignal(last.health.ledger),
    arrived: arrivals(standIn),
    recount: await recount(relay),
  });
  view.end({ ...last, scene: 'ended', balance });
  return balance;
}

interface Stage {
  readonly clock: Clock;
  readonly relay: RelayProcess;
  readonly standIn: StandInSpan;
  readonly sessions: Sessions;
  readonly script: Script;
  readonly startedMs: number;
}

/** Plays the script frame by frame. Resolves with how it stood at the end; undefined when interrupted. */
async function perform(stage: Stage, view: View, interrupted: AbortSignal): Promise<DemoModel | undefined> {
  const { clock, standIn, sessions, script } = stage;
  const history: Sample[] = [];
  let scene: Scene = 'healthy';
  let downAtMs: number | null = null;
  let upAtMs: number | null = null;
  const elapsed = () => clock.monotonicMs() - stage.startedMs;

  for (;;) {
    if (scene === 'healthy' && elapsed() >= script.downAtMs) {
      scene = 'down';
      downAtMs = elapsed();
      await standIn.down();
    } else if (scene === 'down' && elapsed() >= script.upAtMs) {
      await standIn.up();
      scene = 'up';
      upAtMs = elapsed();
    }
    const health = await statusOf(stage, interrupted);
    if (health === undefined) return undefined;
    const elapsedMs = elapsed();
    const pending = health.ledger.reduce((sum, row) => sum + row.pending, 0);
    history.push({ atMs: elapsedMs, pending });
    const model: DemoModel = {
      scene,
      elapsedMs,
      script,
      sessions: sessions.count,
      exported: total(sessions.exported),
      arrived: total(arrivals(standIn)),
      health,
      history,
      downAtMs,
      upAtMs,
      balance: null,
    };
    view.show(model);
    const givesUp = elapsedMs > Math.max(script.giveUpAtMs, nextAttemptMs(model) + attemptTakesMs);
    if (scene === 'ending' && (pending === 0 || givesUp)) return model;
    if (scene === 'up' && elapsedMs >= script.endAtMs && (!owesFromOutage(model) || givesUp)) {
      await sessions.stop();
      scene = 'ending';
    } else {
      await pause(clock, frameEveryMs, interrupted);
    }
  }
}

/** Undefined when interrupted; throws when the relay is gone or does not answer. */
async function statusOf({ relay }: Stage, interrupted: AbortSignal): Promise<HealthSnapshot | undefined> {
  const reply = await relay.control.call('status', {}, { timeoutMs: statusWithinMs });
  // Ctrl-C in a terminal reaches the relay too.
  if (interrupted.aborted) return undefined;
  if (reply.kind === 'ok') return reply.value;
  throw new CliError(reply.kind === 'error' ? reply.message : await relay.explainSilence());
}

/** What the relay finds wrong with its books when it recounts the stored rows. */
async function recount({ control }: RelayProcess): Promise<readonly string[]> {
  const reply = await control.call('verify', {});
  if (reply.kind === 'ok') return reply.value.problems;
  return [reply.kind === 'error' ? reply.message : 'the relay ended before it could recount its books'];
}

function nextAttemptMs(model: DemoModel): number {
  const at = spanOf(model)?.nextAttemptAt ?? null;
  return at === null ? 0 : model.elapsedMs + Date.parse(at) - Date.parse(model.health.at);
}

function configText(endpoint: string, token: string): string {
  return JSON.stringify({
    listen: { http: 0, grpc: 0 },
    destinations: [{ name: 'span', preset: 'span', endpoint, token }],
  });
}

function arrivals(standIn: StandInSpan): Counts {
  return { metrics: standIn.arrived('metrics'), logs: standIn.arrived('logs'), traces: standIn.arrived('traces') };
}

function total(counts: Readonly<Record<Signal, number>>): number {
  return signals.reduce((sum, signal) => sum + counts[signal], 0);
}
