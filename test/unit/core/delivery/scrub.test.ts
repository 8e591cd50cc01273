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
