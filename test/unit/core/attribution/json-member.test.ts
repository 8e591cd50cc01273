import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { findMember } from '../../../../src/main/core/attribution/json-member.ts';

const find = (text: string, name = 'wanted') => findMember(Buffer.from(text), name);

describe('findMember', () => {
  it('finds what JSON.parse finds, however it is written', () => {
    fc.assert(
      fc.property(
        fc.dictionary(fc.string({ minLength: 1 }), fc.jsonValue()),
        fc.jsonValue(),
        fc.nat(4),
        (others, wanted, indent) => {
          const text = JSON.stringify({ ...others, wanted, last: others }, null, indent);
          const found = find(text);

          expect(JSON.parse(String(found))).toEqual(JSON.parse(JSON.stringify(wanted)));
          expect(find(text, 'not there')).toBeUndefined();
        },
      ),
    );
  });

  it('takes a text that ends too early for incomplete, or finds what was before', () => {
    const text = JSON.stringify({ a: { wanted: 1 }, b: ['}', '"', '\\"'], wanted: { c: 'd' }, e: null });
    for (let length = 0; length < text.length; length++) {
      expect(['incomplete', '{"c":"d"}']).toContain(find(text.slice(0, length)));
    }
    expect(find(text)).toBe('{"c":"d"}');
  });

  it('is not misled by text that looks like the member', () => {
    expect(find('{"a":"\\"wanted\\":1","b":{"wanted":2},"c":["wanted",{"wanted":3}]}')).toBeUndefined();
    expect(find('{"a":"\\\\","wanted":4}')).toBe('4');
  });

  it.each(['', 'null', '[]', '[{"wanted":1}]', 'wanted', '{wanted:1}', '{"wanted" 1}', '{'])(
    'makes nothing of %j',
    (text) => {
      expect(find(text)).toBe('incomplete');
    },
  );

  it('takes a byte order mark and an empty object', () => {
    expect(find('\uFEFF { "wanted" : 1.5e3 , "a":1 }')).toBe('1.5e3');
    expect(find(' {} ')).toBeUndefined();
  });
});
