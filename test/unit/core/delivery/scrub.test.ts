import { expect, it } from 'vitest';
import { scrub } from '../../../../src/main/core/delivery/scrub.ts';

it('takes credentials out of a text, wherever they are', () => {
  expect(scrub('token tok-123456 is old: tok-123456', ['tok-123456'])).toBe('token [hidden] is old: [hidden]');
});

it('knows a bearer token without its scheme', () => {
  expect(scrub('unknown: s3cr3t-value', ['Bearer s3cr3t-value'])).toBe('unknown: [hidden]');
});

it('hides the longest first, so that no rest of a longer one is left', () => {
  expect(scrub('abcd-efgh', ['abcd', 'abcd-efgh'])).toBe('[hidden]');
});

it('hides a credential that was cut at the end of the text', () => {
  expect(scrub('the token tok-1234…', ['tok-123456789'])).toBe('the token [hidden]');
  expect(scrub('the token tok-1234', ['tok-123456789'])).toBe('the token [hidden]');
});

it('leaves values alone that are too short to be secret', () => {
  expect(scrub('1 of 11 points', ['1', ''])).toBe('1 of 11 points');
});

it.each([
  ['percent-encoded', 'a%2Fb%2Bc%20d%3D'],
  ['with digits in lower case', 'a%2fb%2bc%20d%3d'],
  ['as a form has it', 'a%2Fb%2Bc+d%3D'],
  ['in base64', 'YS9iK2MgZD0='],
  ['in base64 without its padding', 'YS9iK2MgZD0'],
])('hides a credential that comes back %s', (_, echoed) => {
  expect(scrub(`key=${echoed} is old`, ['a/b+c d='])).toMatch(/^key=\[hidden\]=? is old$/);
});

it('hides the base64 of a bearer token without its scheme', () => {
  const echoed = Buffer.from('s3cr3t-value?').toString('base64');
  expect(scrub(`unknown: ${echoed}`, ['Bearer s3cr3t-value?'])).toBe('unknown: [hidden]');
});

it('knows the login in a Basic credential, and its password alone', () => {
  const secret = `Basic ${Buffer.from('relay:pass-word').toString('base64')}`;
  expect(scrub('no relay:pass-word here, nor pass-word', [secret])).toBe('no [hidden] here, nor [hidden]');
});
