import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  appendTo,
  removeFrom,
  removeMember,
  replaceIn,
  setMember,
} from '../../../../src/main/core/policy/json-edit.ts';

const span = { name: 'span', preset: 'span', signals: ['metrics'] };

describe('appending', () => {
  test('to a list in lines keeps its layout', () => {
    const text = `{
    "destinations": [
        { "name": "a" }
    ],
    "note": [1,2,
      3]
}
`;
    expect(appendTo(text, 'destinations', span)).toBe(`{
    "destinations": [
        { "name": "a" },
        { "name": "span", "preset": "span", "signals": ["metrics"] }
    ],
    "note": [1,2,
      3]
}
`);
  });

  test('to a list in one line goes on in that line', () => {
    expect(appendTo('{"destinations":[{"name":"a"}]}', 'destinations', { name: 'b' })).toBe(
      '{"destinations":[{"name":"a"}, { "name": "b" }]}',
    );
  });

  test('what is too long for a line takes several, with the indentation of the file', () => {
    const long = { name: 'x', endpoint: `https://${'a'.repeat(80)}.example`, headers: { 'X-Team': 'core' } };
    expect(appendTo('{\n\t"destinations": []\n}', 'destinations', long)).toBe(`{
\t"destinations": [
\t\t{
\t\t\t"name": "x",
\t\t\t"endpoint": "https://${'a'.repeat(80)}.example",
\t\t\t"headers": { "X-Team": "core" }
\t\t}
\t]
}`);
  });

  test('makes the list where there is none', () => {
    expect(appendTo('{ "listen": { "http": 1 } }', 'destinations', span)).toBe(
      '{ "listen": { "http": 1 }, "destinations": [{ "name": "span", "preset": "span", "signals": ["metrics"] }] }',
    );
    expect(appendTo('{}', 'destinations', { name: 'a' })).toBe('{\n  "destinations": [\n    { "name": "a" }\n  ]\n}');
    expect(appendTo('\uFEFF{\r\n  "x": 1\r\n}\r\n', 'destinations', { name: 'a' })).toBe(
      '\uFEFF{\r\n  "x": 1,\r\n  "destinations": [\r\n    { "name": "a" }\r\n  ]\r\n}\r\n',
    );
  });
});

const three = `{
  "destinations": [
    { "name": "a", "x": 1 },

    { "name": "b",   "x": 2.50 },
    {
      "name": "c",
      "unknown": "kept \\" ] }"
    }
  ]
}`;

describe('removing', () => {
  test.each([
    [0, '{\n  "destinations": [\n    { "name": "b",   "x": 2.50 },\n    {\n      "name": "c"'],
    [1, '{\n  "destinations": [\n    { "name": "a", "x": 1 },\n    {\n      "name": "c"'],
    [2, '{\n  "destinations": [\n    { "name": "a", "x": 1 },\n\n    { "name": "b",   "x": 2.50 }\n  ]\n}'],
  ])('item %i leaves the others as they were', (index, start) => {
    expect(removeFrom(three, 'destinations', index).slice(0, start.length)).toBe(start);
  });

  test('the only item leaves an empty list', () => {
    expect(removeFrom('{"destinations": [\n  {"name": "a"}\n]}', 'destinations', 0)).toBe('{"destinations": []}');
  });

  test('a member', () => {
    expect(removeMember(three, 'destinations', 0, 'x')).toContain('{ "name": "a" },');
    expect(removeMember(three, 'destinations', 2, 'name')).toContain('{\n      "unknown"');
    expect(removeMember(three, 'destinations', 2, 'none')).toBe(three);
  });
});

describe('setting a member', () => {
  const formerly = { key: 'formerly', value: 'old', after: 'name' };
  test('behind another, in its line or in one of its own', () => {
    expect(setMember(three, 'destinations', 1, formerly)).toContain('{ "name": "b", "formerly": "old",   "x": 2.50 }');
    expect(setMember(three, 'destinations', 2, formerly)).toContain(
      '      "name": "c",\n      "formerly": "old",\n      "unknown"',
    );
  });

  test('that is there, in its place', () => {
    expect(setMember(three, 'destinations', 1, { key: 'name', value: 'B', after: 'name' })).toContain(
      '{ "name": "B",   "x": 2.50 }',
    );
  });

  test('the last one counts where a key is given twice, as for a reader', () => {
    const twice = '{"destinations": [{"name": "a", "name": "b"}]}';
    const changed = setMember(twice, 'destinations', 0, { key: 'name', value: 'c', after: 'name' });
    expect(JSON.parse(changed)).toEqual({ destinations: [{ name: 'c' }] });
  });
});

test('replacing', () => {
  expect(replaceIn(three, 'destinations', 1, { name: 'new' })).toContain(
    '    { "name": "new" },\n    {\n      "name": "c"',
  );
});

/** A config in any layout, with whatever else may be in it. */
const layouts = fc.record({
  value: fc.record(
    {
      before: fc.jsonValue(),
      destinations: fc.array(fc.record({ name: fc.string(), more: fc.jsonValue() }, { requiredKeys: ['name'] }), {
        minLength: 1,
        maxLength: 4,
      }),
      after: fc.jsonValue(),
    },
    { requiredKeys: ['destinations'] },
  ),
  indent: fc.constantFrom(0, 2, 4, '\t'),
  eol: fc.constantFrom('\n', '\r\n'),
  mark: fc.constantFrom('', '\uFEFF'),
});

test('any edit of any layout changes what it says and nothing else', () => {
  fc.assert(
    fc.property(layouts, fc.nat(3), fc.string(), ({ value: any, indent, eol, mark }, at, added) => {
      // JSON has no negative zero.
      const value: typeof any = JSON.parse(JSON.stringify(any));
      const text = mark + JSON.stringify(value, null, indent).replaceAll('\n', eol);
      const read = (edited: string) => JSON.parse(edited.replace('\uFEFF', ''));
      const { destinations } = value;
      const index = at % destinations.length;
      const entry = { name: 'new', added };

      const appended = appendTo(text, 'destinations', entry);
      expect(read(appended)).toEqual({ ...value, destinations: [...destinations, entry] });
      expect(removeFrom(appended, 'destinations', destinations.length)).toBe(text);
      expect(read(removeFrom(text, 'destinations', index))).toEqual({
        ...value,
        destinations: destinations.toSpliced(index, 1),
      });
      expect(read(replaceIn(text, 'destinations', index, entry))).toEqual({
        ...value,
        destinations: destinations.with(index, entry),
      });
      const member = setMember(text, 'destinations', index, { key: 'formerly', value: 'x', after: 'name' });
      expect(read(member).destinations[index]).toEqual({ ...destinations[index], formerly: 'x' });
      expect(removeMember(member, 'destinations', index, 'formerly')).toBe(text);
    }),
    { numRuns: 300 },
  );
});
