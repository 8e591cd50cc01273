import { describe, expect, it } from 'vitest';
import { fuzzEnrich, fuzzInspect, fuzzTranscode } from './otlp.fuzz.ts';

describe('OTLP under mutated recordings', () => {
  it.each([
    ['the tag walker', fuzzInspect],
    ['the JSON transcoder', fuzzTranscode],
    ['the enricher', fuzzEnrich],
  ])('%s neither throws nor disagrees with a full parser', async (_, fuzz) => {
    const { accepted, refused } = await fuzz(20_261_120, 3_000);

    expect(accepted).toBeGreaterThan(100);
    expect(refused).toBeGreaterThan(100);
  });
});
