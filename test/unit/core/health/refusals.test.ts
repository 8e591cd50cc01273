import { expect, test } from 'vitest';
import { Refusals } from '../../../../src/main/core/health/refusals.ts';
import type { RefusedInfo } from '../../../../src/main/core/receiver/intake.ts';
import { handClock } from '../../../support/hand-clock.ts';

const hourMs = 60 * 60_000;

function start() {
  const clock = handClock(0);
  const refusals = new Refusals(clock);
  const refuse = (info: Partial<RefusedInfo> = {}) =>
    refusals.refused({ status: 404, reason: 'path', message: 'wrong path', points: 1, signal: 'metrics', ...info });
  return { clock, refusals, refuse };
}

const none = { requestsLastHour: 0, last: null, ongoing: false };

test.each<[string, Partial<RefusedInfo>]>([
  ['a web page', { reason: 'guard', status: 403 }],
  ['a request without telemetry', { points: 0 }],
])('%s is not an export', (_, info) => {
  const { refusals, refuse } = start();
  refuse(info);
  expect(refusals.facts()).toEqual(none);
});

test('a connection that was dropped unheard may have been one', () => {
  const { refusals, refuse } = start();
  refusals.refused({ status: 503, reason: 'connection-dropped', message: 'too many', points: 0 });
  expect(refusals.facts()).toMatchObject({ requestsLastHour: 1, last: { cause: 'overload' } });
  refuse();
  expect(refusals.facts()).toMatchObject({ requestsLastHour: 2, last: { cause: 'path', message: 'wrong path' } });
});

test('it goes on until an export of its signal is accepted, or an hour has passed', () => {
  const { clock, refusals, refuse } = start();
  refuse();
  expect(refusals.facts()).toMatchObject({ ongoing: true });
  refusals.accepted('metrics');
  expect(refusals.facts()).toMatchObject({ requestsLastHour: 1, ongoing: false });
  refuse();
  expect(refusals.facts()).toMatchObject({ requestsLastHour: 2, ongoing: true });
  clock.advance(hourMs);
  expect(refusals.facts()).toEqual(none);
});

test('while other signals flow, one that is refused again and again goes on, and a single try does not', () => {
  const { refusals, refuse } = start();
  refuse({ signal: 'logs', reason: 'content-type' });
  refusals.accepted('metrics');
  expect(refusals.facts()).toMatchObject({ ongoing: false });
  refuse({ signal: 'logs', reason: 'content-type' });
  refuse({ signal: 'logs', reason: 'content-type' });
  refusals.accepted('metrics');
  expect(refusals.facts()).toMatchObject({ ongoing: true, last: { cause: 'content-type' } });
  refusals.accepted('logs');
  expect(refusals.facts()).toMatchObject({ ongoing: false });
});

test('a refusal of no signal in particular is over with anything that is accepted', () => {
  const { refusals } = start();
  for (let n = 0; n < 5; n++) {
    refusals.refused({ status: 404, reason: 'path', message: 'wrong path', points: 1 });
  }
  expect(refusals.facts()).toMatchObject({ requestsLastHour: 5, ongoing: true });
  refusals.accepted('traces');
  expect(refusals.facts()).toMatchObject({ requestsLastHour: 5, ongoing: false });
});
