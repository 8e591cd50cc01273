import { describe, expect, it } from 'vitest';
import { decodeRequest } from '../../../../src/main/core/otlp/decode.ts';
import { type Attribute, Enricher } from '../../../../src/main/core/otlp/enrich.ts';
import { inspectRequest } from '../../../../src/main/core/otlp/inspect.ts';
import { signals } from '../../../../src/shared/signal.ts';
import { recorded } from '../../../support/recordings.ts';
import { enrichedJson } from './enriched-json.ts';
import { bytes, delimited } from './fixtures.ts';

const team: Attribute = { key: 'team', value: 'platform', override: false };
const email: Attribute = { key: 'work_email', value: 'me@corp.example', override: false };
const teamBytes = bytes(delimited(1, 'team'), delimited(2, delimited(1, 'platform')));

function keyValue(key: string, value: string): Uint8Array {
  return bytes(delimited(1, key), delimited(2, delimited(1, value)));
}

describe.each(signals)('%s of Claude Code', (signal) => {
  const body = recorded(signal, 'pb');

  it('get an attribute that they lack where OTEL_RESOURCE_ATTRIBUTES puts them, and nowhere else', async () => {
    const text = JSON.stringify(await decodeRequest(signal, new Enricher([team]).enrich(signal, body)));
    const original = JSON.stringify(await decodeRequest(signal, body));

    const count = (where: string, what: string) => where.split(what).length - 1;
    expect(count(text, '"team"')).toBe(count(original, '"work_email"'));
    expect(count(text, 'platform')).toBe(count(text, '"team"'));
  });

  it('keep what they have', () => {
    expect(new Enricher([email]).enrich(signal, body)).toBe(body);
  });

  it('keep what they have while they get what they lack', async () => {
    const decoded = await decodeRequest(signal, new Enricher([email, team]).enrich(signal, body));

    expect(decoded).toEqual(enrichedJson(signal, await decodeRequest(signal, body), [team]));
  });

  it('lose what they have to an override, everywhere', async () => {
    const override = { ...email, override: true };
    const text = JSON.stringify(await decodeRequest(signal, new Enricher([override]).enrich(signal, body)));

    const original = JSON.stringify(await decodeRequest(signal, body));
    expect(text).toBe(original.replaceAll('dev@example.com', 'me@corp.example'));
  });

  it('are left alone by an override that says what they say', () => {
    expect(new Enricher([{ ...email, value: 'dev@example.com', override: true }]).enrich(signal, body)).toBe(body);
  });

  it('are left alone where there is nothing to add', () => {
    expect(new Enricher([]).enrich(signal, body)).toBe(body);
  });
});

describe('an enricher', () => {
  it('gives a resource to telemetry that has none', () => {
    const scope = delimited(2, delimited(2));

    expect(new Enricher([team]).enrich('logs', delimited(1, scope))).toEqual(
      bytes(
        delimited(
          1,
          bytes(0x12, 2 + teamBytes.length + 2, 0x12, teamBytes.length + 2, 0x32, teamBytes.length, teamBytes),
          delimited(1, delimited(1, teamBytes)),
        ),
      ),
    );
  });

  it('adds nothing to a request without telemetry', () => {
    const body = bytes(0x98, 0x01, 7);

    expect(new Enricher([team]).enrich('metrics', body)).toBe(body);
    expect(new Enricher([team]).enrich('metrics', new Uint8Array())).toEqual(new Uint8Array());
  });

  it('looks for a key in all parts of a resource, and adds to the last one', () => {
    const has = delimited(1, delimited(1, keyValue('team', 'x')));
    const lacks = delimited(1, delimited(1, keyValue('a', 'b')));
    const enrich = (...parts: Uint8Array[]) => new Enricher([team]).enrich('traces', delimited(1, ...parts));

    expect(enrich(has, lacks)).toEqual(delimited(1, has, lacks));
    expect(enrich(lacks, has)).toEqual(delimited(1, lacks, has));
    expect(enrich(lacks, lacks)).toEqual(
      delimited(1, lacks, delimited(1, delimited(1, keyValue('a', 'b')), delimited(1, teamBytes))),
    );
  });

  it('takes the last of two keys for the key, as protobuf does', () => {
    const twoKeys = bytes(delimited(1, 'team'), delimited(1, 'other'), delimited(2, delimited(1, 'x')));
    const body = delimited(1, delimited(1, delimited(1, twoKeys)));

    expect(new Enricher([team]).enrich('logs', body)).toEqual(
      delimited(1, delimited(1, delimited(1, twoKeys), delimited(1, teamBytes))),
    );
  });

  it('replaces a value that is no text, and one in several parts', () => {
    const override = new Enricher([{ ...team, override: true }]);
    const number = bytes(delimited(1, 'team'), delimited(2, 0x18, 7));
    const parts = bytes(delimited(2, delimited(1, 'a')), delimited(1, 'team'), delimited(2, 0x18, 7), 0x18, 1);

    const replaced = (attribute: Uint8Array) =>
      override.enrich('logs', delimited(1, delimited(1, delimited(1, attribute))));
    expect(replaced(number)).toEqual(delimited(1, delimited(1, delimited(1, teamBytes))));
    expect(replaced(parts)).toEqual(
      delimited(
        1,
        delimited(1, delimited(1, bytes(delimited(2, delimited(1, 'platform')), delimited(1, 'team'), 0x18, 1))),
      ),
    );
    const twice = bytes(delimited(1, 'team'), delimited(2, 0x18, 7), delimited(2, delimited(1, 'platform')));
    expect(replaced(twice)).toEqual(delimited(1, delimited(1, delimited(1, teamBytes))));
    expect(replaced(delimited(1, 'team'))).toEqual(delimited(1, delimited(1, delimited(1, teamBytes))));
  });

  it('leaves points alone whose resource has the key, so that they do not contradict it', () => {
    const resource = delimited(1, delimited(1, keyValue('team', 'x')));
    const records = delimited(2, delimited(2, delimited(6, keyValue('a', 'b'))));

    const body = delimited(1, records, resource);
    expect(new Enricher([team]).enrich('logs', body)).toBe(body);
  });

  it('takes the last of several attributes with one key', () => {
    const body = delimited(1, delimited(2));

    const both = new Enricher([{ ...team, value: 'other' }, team]).enrich('logs', body);
    expect(both).toEqual(new Enricher([team]).enrich('logs', body));
  });

  it('takes many attributes', async () => {
    const many = Array.from({ length: 100 }, (_, index) => ({
      key: `key.${index}`,
      value: `${index}`,
      override: true,
    }));
    const decoded = await decodeRequest('logs', recorded('logs', 'pb'));

    const enriched = new Enricher(many).enrich('logs', recorded('logs', 'pb'));
    expect(await decodeRequest('logs', enriched)).toEqual(enrichedJson('logs', decoded, many));
  });

  it('is not misled by what stands in groups, however deep, and in values inside values', () => {
    const attribute = delimited(1, teamBytes);
    const groups = bytes(...Array<number>(40).fill(0x7b), attribute, ...Array<number>(40).fill(0x7c));
    const inside = delimited(
      2,
      delimited(6, delimited(1, delimited(1, 'list'), delimited(2, delimited(6, attribute)))),
    );
    const scopeOfTheName = delimited(2, delimited(1, delimited(3, teamBytes)));
    const resource = (...more: Uint8Array[]) => delimited(1, delimited(1, delimited(1, 'a'), inside), ...more);
    const body = bytes(groups, delimited(1, resource(), scopeOfTheName));

    expect(inspectRequest('traces', body)).toEqual({ ok: true, points: 0 });
    expect(new Enricher([team]).enrich('traces', body)).toEqual(
      bytes(groups, delimited(1, resource(attribute), scopeOfTheName)),
    );
    const withGroup = delimited(1, delimited(1, groups));
    expect(new Enricher([team]).enrich('traces', withGroup)).toEqual(delimited(1, delimited(1, groups, attribute)));
  });

  it('leaves a request alone that would grow beyond what receivers take', () => {
    const points = Buffer.alloc(140_000, Buffer.of(0x12, 0));
    const scope = Buffer.concat([Buffer.of(0x12, 0xe0, 0xc5, 0x08), points]);
    const body = Buffer.concat([Buffer.of(0x0a, 0xe4, 0xc5, 0x08), scope]);
    expect(inspectRequest('logs', body)).toEqual({ ok: true, points: 70_000 });

    expect(new Enricher([{ ...team, value: 'x'.repeat(1_000) }]).enrich('logs', body)).toBe(body);
    expect(inspectRequest('logs', new Enricher([team]).enrich('logs', body))).toEqual({ ok: true, points: 70_000 });
  });
});
