import { Agent } from 'node:http';
import { expect, onTestFinished, test } from 'vitest';
import { signals } from '../../src/shared/signal.ts';
import { numberedRequest, numbersIn, numbersTakenBy, post } from '../support/numbered-requests.ts';
import { freePort } from '../support/relay.ts';
import { until } from '../support/until.ts';
import { ok, status, type Vendor } from '../support/vendor.ts';
import { ownVendor, startTestAgent, type TestAgent } from './agent-harness.ts';
import { booksOf, expectBalance, ownBlackHole, range } from './destinations-harness.ts';

const wave = 240;
/** The number that one vendor calls malformed. */
const guilty = 13;

/** Numbered requests, of all signals in turn. */
async function sendWave(port: number, first: number): Promise<void> {
  const agent = new Agent({ keepAlive: true, maxSockets: 8 });
  const answers = range(first, first + wave).map((number) => {
    const signal = signals[number % signals.length] ?? 'metrics';
    return post(port, signal, numberedRequest(signal, number), { agent });
  });
  expect(new Set(await Promise.all(answers))).toEqual(new Set([200]));
  agent.destroy();
}

const inOrder = (vendor: Vendor): number[] => numbersTakenBy(vendor).sort((a, b) => a - b);

async function untilTaken(what: string, vendor: Vendor, count: number): Promise<void> {
  await until(`${what} has everything`, () => numbersTakenBy(vendor).length >= count);
}

async function expectBooks(relay: TestAgent, expected: Record<string, object>): Promise<void> {
  const { ledger } = relay.agent.status();
  expectBalance(ledger);
  for (const [name, books] of Object.entries(expected)) expect(booksOf(ledger, name), name).toMatchObject(books);
}

test('whatever is wrong with the others, a healthy destination gets everything at once; they get it when they are well', async () => {
  const gate = Promise.withResolvers<void>();
  onTestFinished(() => gate.resolve());
  const [one, two] = [await ownVendor(), await ownVendor()];
  const slow = await ownVendor({ answer: () => gate.promise.then(() => ok()) });
  const refusing = await ownVendor({ answer: () => status(401, {}, 'unknown token') });
  const failing = await ownVendor({ answer: () => status(503) });
  const strict = await ownVendor({ answer: ({ body }) => (numbersIn(body).includes(guilty) ? status(400) : ok()) });
  const hole = await ownBlackHole();
  const downPort = await freePort();
  const relay = await startTestAgent({
    destinations: [
      { name: 'hole', endpoint: hole.url },
      { name: 'down', endpoint: `http://127.0.0.1:${downPort}` },
      { name: 'slow', endpoint: slow.url },
      { name: 'one', endpoint: one.url },
      { name: 'refusing', endpoint: refusing.url },
      { name: 'failing', endpoint: failing.url },
      { name: 'strict', endpoint: strict.url },
      { name: 'two', endpoint: two.url },
    ],
  });

  // Twice, so that the second wave meets destinations that are in trouble already.
  for (const [round, first] of [0, wave].entries()) {
    const total = first + wave;
    await sendWave(relay.port, first);
    await untilTaken('one', one, total);
    await untilTaken('two', two, total);
    await untilTaken('strict', strict, total - 1);
    expect([slow, refusing, failing].map(({ accepted }) => accepted.length)).toEqual([0, 0, 0]);
    await until('each of the others was tried', () => hole.connections() > 0 && failing.seen.length > round);
    await until('the healthy ones are booked', () => relay.pending('one') + relay.pending('two') === 0);
    await until('the guilty request is set aside', () => relay.pending('strict') === 0);
    const owed = { accepted: total, delivered: 0, pending: total };
    await expectBooks(relay, {
      one: { accepted: total, delivered: total, pending: 0 },
      two: { accepted: total, delivered: total, pending: 0 },
      strict: { accepted: total, delivered: total - 1, rejected: 1, pending: 0 },
      hole: owed,
      down: owed,
      slow: owed,
      refusing: owed,
      failing: owed,
    });
  }

  await hole.close();
  const behindHole = await ownVendor({ port: hole.port });
  const up = await ownVendor({ port: downPort });
  refusing.setAnswer(() => ok());
  failing.setAnswer(() => ok());
  gate.resolve();
  await relay.sendTest();

  const all = range(0, 2 * wave);
  // A test request has no number.
  for (const vendor of [one, two]) expect(inOrder(vendor)).toEqual(all);
  expect(inOrder(strict)).toEqual(all.filter((number) => number !== guilty));
  for (const vendor of [behindHole, up, slow, refusing, failing]) {
    await until('everything has come', () => new Set(numbersTakenBy(vendor)).size === all.length);
    expect([...new Set(inOrder(vendor))]).toEqual(all);
  }
  const names = ['one', 'two', 'strict', 'hole', 'down', 'slow', 'refusing', 'failing'];
  await until('all is booked', () => names.every((name) => relay.pending(name) === 0));
  expectBalance(relay.agent.status().ledger);
  expect((await relay.home.verifiedLedger()).ledger).not.toEqual([]);
});
