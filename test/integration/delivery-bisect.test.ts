import { describe, expect, it } from 'vitest';
import { until } from '../support/until.ts';
import { ok, status } from '../support/vendor.ts';
import {
  destinationAt,
  namesIn,
  numbered,
  pointsPerRequest,
  startRelay,
  takenBy,
  vendorWith,
} from './delivery-harness.ts';

const hundred = numbered(100);

async function hundredFor(url: string) {
  const relay = await startRelay();
  await relay.spool.setDestinations([{ name: 'span', signals: ['metrics'] }]);
  await relay.accept(hundred);
  await relay.configure(destinationAt(url));
  return relay;
}

describe.each([400, 422, 415])('%i to a merged batch', (code) => {
  it.each([
    ['one', ['r37']],
    ['the first and the last', ['r0', 'r99']],
    ['several', ['r3', 'r4', 'r5', 'r50', 'r77', 'r98']],
    ['all', hundred],
  ])('sets exactly the guilty aside and delivers the rest in order: %s', async (_which, guilty) => {
    const isGuilty = (name: string) => guilty.includes(name);
    const vendor = await vendorWith({
      answer: (request) => (namesIn(request).some(isGuilty) ? status(code, {}, 'cannot parse') : ok()),
    });
    const relay = await hundredFor(vendor.url);
    await relay.drained();

    expect(takenBy(vendor)).toEqual(hundred.filter((name) => !isGuilty(name)));
    const listed = await relay.spool.quarantine.list('span');
    const aside = await Promise.all(listed.map(({ id }) => relay.spool.quarantine.payload(id)));
    expect(aside.flatMap((one) => (one ? namesIn({ body: Buffer.from(one.body) }) : [])).sort()).toEqual(
      [...guilty].sort(),
    );
    expect(listed[0]).toMatchObject({ status: code, message: expect.stringContaining('cannot parse') });
    expect(relay.books()).toMatchObject({
      accepted: 100 * pointsPerRequest,
      delivered: (100 - guilty.length) * pointsPerRequest,
      rejected: guilty.length * pointsPerRequest,
      pending: 0,
      resent: 0,
    });
    expect(relay.facts().state).toBe('ok');
  });
});

it('a vendor that fails in the middle: what is settled stays settled, the rest comes later, in order', async () => {
  const vendor = await vendorWith({
    answer: (request, n) => {
      if (n === 3) return status(503);
      return namesIn(request).includes('r60') ? status(400) : ok();
    },
  });
  const relay = await hundredFor(vendor.url);
  await relay.waiting();
  const settled = relay.books().delivered;
  expect(settled).toBeGreaterThan(0);
  expect(relay.books().pending).toBe(200 - settled);
  await relay.balanced();

  relay.delivery.wake('manual');
  await relay.drained();
  expect(takenBy(vendor)).toEqual(hundred.filter((name) => name !== 'r60'));
  expect(relay.books()).toMatchObject({ delivered: 198, rejected: 2, resent: 0 });
});

it('413 halves until it passes, and the next batches start below', async () => {
  const vendor = await vendorWith({
    answer: (request) => (request.body.length > 100 ? status(413) : ok()),
  });
  const relay = await hundredFor(vendor.url);
  await relay.drained();
  expect(takenBy(vendor)).toEqual(hundred);
  expect(relay.books()).toMatchObject({ delivered: 200, rejected: 0 });

  const before = vendor.seen.length;
  await relay.spool.setDestinations([{ name: 'span', signals: ['metrics'] }]);
  await relay.accept(numbered(50, 's'));
  await relay.drained();
  expect(vendor.seen.slice(before).every(({ body }) => body.length <= 100)).toBe(true);
});

it('413 for one request alone sets it aside', async () => {
  const vendor = await vendorWith({
    answer: (request) => (namesIn(request).includes('r42') ? status(413, {}, 'too large') : ok()),
  });
  const relay = await hundredFor(vendor.url);
  await relay.drained();
  expect(relay.books()).toMatchObject({ delivered: 198, rejected: 2 });
  expect(await relay.spool.quarantine.list()).toMatchObject([{ status: 413, points: 2 }]);
});

it('what a person retries from quarantine is delivered after all', async () => {
  const vendor = await vendorWith({ answer: () => status(400) });
  const relay = await startRelay();
  await relay.configure(destinationAt(vendor.url));
  await relay.accept(['once']);
  await relay.drained();
  const [aside] = await relay.spool.quarantine.list();
  vendor.setAnswer(() => ok());
  expect(await relay.spool.quarantine.retry(aside?.id ?? -1)).toBe(true);
  await until('it arrives', () => takenBy(vendor).length === 1);
  await relay.drained();
  expect(relay.books()).toMatchObject({ accepted: 2, delivered: 2, rejected: 0 });
});
