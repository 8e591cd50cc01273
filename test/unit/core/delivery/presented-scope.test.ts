import { expect, it } from 'vitest';
import { type Destination, heldDestination } from '../../../../src/main/core/delivery/destination.ts';
import { presentedScope } from '../../../../src/main/core/delivery/presented-scope.ts';

type Own = Partial<NonNullable<Destination['credential']>>;

function at(host: string, name: string, own: Own = {}): Destination {
  return {
    ...heldDestination(name),
    endpoint: `https://${host}/otlp`,
    credential: { header: 'Authorization', tokens: [], ...own },
  };
}

const token: Own = { tokens: [{ source: 'config', token: 'tok' }] };
const file: Own = { tokenFile: '/run/token' };

/** By name: true where it is meant for it, else with whom it is ambiguous. */
function scopes(...all: Destination[]) {
  return Object.fromEntries(
    all.map((one) => {
      const { isMeant, ambiguousWith } = presentedScope(one, all);
      return [one.name, isMeant || ambiguousWith];
    }),
  );
}

it('one destination gets it, with a token of its own or without', () => {
  expect(scopes(at('a.example', 'a'))).toEqual({ a: true });
  expect(scopes(at('a.example', 'a', token))).toEqual({ a: true });
});

it('where one host alone has no token of its own, its destinations get it and nobody else, also when theirs is refused', () => {
  expect(scopes(at('a.example', 'a'), at('b.example', 'b', token), at('c.example', 'c', file))).toEqual({
    a: true,
    b: [],
    c: [],
  });
});

it('where several hosts have none, nobody gets it', () => {
  expect(scopes(at('a.example', 'a'), at('b.example', 'b'), at('c.example', 'c', token))).toEqual({
    a: ['b'],
    b: ['a'],
    c: [],
  });
});

it('where all have one, it is a way out for none of them', () => {
  expect(scopes(at('a.example', 'a', token), at('b.example', 'b', file))).toEqual({ a: [], b: [] });
});

it('one host is one vendor, a port is part of a host', () => {
  expect(scopes(at('a.example', 'a'), at('a.example:443', 'b', token))).toEqual({ a: true, b: true });
  expect(scopes(at('127.0.0.1:1', 'a'), at('127.0.0.1:2', 'b'))).toEqual({ a: ['b'], b: ['a'] });
});

it('addresses of single signals count as well', () => {
  const split = { ...at('', 'split'), endpoint: '', signalEndpoints: { logs: 'https://logs.example/x' } };
  expect(scopes(split, at('logs.example', 'b'))).toEqual({ split: true, b: true });
  expect(scopes(split, at('other.example', 'b'))).toEqual({ split: ['b'], b: ['split'] });
});

it('another header, or none, is no rival', () => {
  const { credential: _, ...plain } = at('b.example', 'plain');
  expect(scopes(at('a.example', 'a'), at('b.example', 'b', { header: 'x-key' }), plain)).toEqual({
    a: true,
    b: true,
    plain: true,
  });
  expect(scopes(at('a.example', 'a'), at('b.example', 'b', { header: 'authorization' }))).toEqual({
    a: ['b'],
    b: ['a'],
  });
});
