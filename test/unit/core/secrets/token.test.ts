import { describe, expect, it } from 'vitest';
import { parseToken } from '../../../../src/main/core/secrets/token.ts';

describe('a token is what its file holds', () => {
  it.each([
    ['as it is', 'tok-1'],
    ['with a line end', 'tok-1\n'],
    ['with a line end of Windows', 'tok-1\r\n'],
    ['with blanks and empty lines around it', '\n\t  tok-1 \n\n'],
    ['with a byte order mark', '\uFEFFtok-1\n'],
  ])('%s', (_what, text) => {
    expect(parseToken(Buffer.from(text))).toEqual({ kind: 'token', token: 'tok-1' });
  });

  it('in the encoding of PowerShell', () => {
    const content = Buffer.concat([Buffer.from([0xff, 0xfe]), Buffer.from('tok-1\r\n', 'utf16le')]);
    expect(parseToken(content)).toEqual({ kind: 'token', token: 'tok-1' });
  });

  it('with its scheme', () => {
    expect(parseToken(Buffer.from('Bearer tok-1\n'))).toEqual({ kind: 'token', token: 'Bearer tok-1' });
  });
});

describe('no token, and why', () => {
  it.each([
    ['', 'is empty'],
    [' \n\t\n', 'is empty'],
    ['\uFEFF', 'is empty'],
    ['tok-1\ntok-2', 'has more than one line'],
    ['tok\r1', 'has more than one line'],
    ['tøk-1', 'has a character that a header cannot hold'],
    ['tok\u0000', 'has a character that a header cannot hold'],
    ['tok\u007f1', 'has a character that a header cannot hold'],
    [Buffer.from([0x74, 0xff, 0x31]), 'has a character that a header cannot hold'],
    ['x'.repeat(8_193), 'is longer than a token can be'],
  ])('%j: %s', (content, problem) => {
    expect(parseToken(Buffer.from(content))).toEqual({ kind: 'unusable', problem });
  });
});
