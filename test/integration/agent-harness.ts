import { onTestFinished } from 'vitest';
import { type Agent, type AgentOptions, startAgent } from '../../src/main/core/agent.ts';
import { controlClient } from '../../src/main/core/control/client.ts';
import { lineLog } from '../../src/main/core/log.ts';
import type { SendTestResult } from '../../src/shared/control.ts';
import type { FindingId } from '../../src/shared/finding.ts';
import { imbalance, type LedgerRow } from '../../src/shared/ledger.ts';
import { makeHome, type RelayHome } from '../support/relay.ts';
import { until } from '../support/until.ts';
import { startVendor, type Vendor, type VendorOptions } from '../support/vendor.ts';

/** The whole agent in the test's own process, on real folders, files and sockets. Everything ends with the test. */
export interface TestAgent {
  readonly agent: Agent;
  readonly home: RelayHome;
  readonly port: number;
  /** One line per entry. */
  readonly logged: readonly string[];
  /** The books of a destination, over all signals. */
  pending(destination: string): number;
  rows(destination: string): readonly LedgerRow[];
  findings(): readonly FindingId[];
  untilFinding(id: FindingId): Promise<void>;
  untilNoFinding(id: FindingId): Promise<void>;
  sendTest(timeoutMs?: number): Promise<readonly SendTestResult[]>;
}

export async function startTestAgent(
  config: object | string,
  home?: RelayHome,
  options: Pick<AgentOptions, 'secrets'> = {},
): Promise<TestAgent> {
  const logged: string[] = [];
  const place = home ?? (await ownHome(config));
  const { stateDir, configFile } = place;
  const start = await startAgent({
    stateDir,
    configFile,
    env: {},
    home: stateDir,
    ...options,
    log: lineLog((line) => logged.push(line)),
  });
  if (start.kind !== 'started') throw new Error(`The agent did not start: ${JSON.stringify(start)}`);
  const { agent } = start;
  onTestFinished(async () => {
    for (const row of agent.status().ledger) {
      if (imbalance(row) !== 0) throw new Error(`${row.destination} ${row.signal} is off by ${imbalance(row)}`);
    }
    await agent.stop();
  });
  let ready = false;
  void agent.whenReady.then(() => {
    ready = true;
  });
  // Where another program has the port, the relay is not ready, and works otherwise.
  await until('the relay is ready', () => ready || agent.status().listen.http.state === 'port-taken');

  const rows = (destination: string) => agent.status().ledger.filter((row) => row.destination === destination);
  const findings = () => agent.status().findings.map(({ id }) => id);
  return {
    agent,
    home: place,
    get port() {
      return agent.ports.http;
    },
    logged,
    rows,
    pending: (destination) => rows(destination).reduce((sum, { pending }) => sum + pending, 0),
    findings,
    untilFinding: (id) => until(`the finding ${id}`, () => findings().includes(id)),
    untilNoFinding: (id) => until(`no finding ${id}`, () => !findings().includes(id)),
    async sendTest(timeoutMs = 20_000) {
      const client = controlClient(stateDir);
      const reply = await client.call('sendTest', { timeoutMs }, { timeoutMs: 2 * timeoutMs });
      client.close();
      if (reply.kind !== 'ok') throw new Error(`send-test: ${JSON.stringify(reply)}`);
      return reply.value.results;
    },
  };
}

async function ownHome(config: object | string): Promise<RelayHome> {
  const home = await makeHome(config);
  onTestFinished(() => home[Symbol.asyncDispose]());
  return home;
}

export async function ownVendor(options: VendorOptions = {}): Promise<Vendor> {
  const vendor = await startVendor(options);
  onTestFinished(() => vendor.stop());
  return vendor;
}
