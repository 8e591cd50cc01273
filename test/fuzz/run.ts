import { randomInt } from 'node:crypto';
import { parseArgs } from 'node:util';
import { fuzzEnrich, fuzzInspect, fuzzTranscode } from './otlp.fuzz.ts';
import { fuzzGzip, fuzzReceiver } from './receiver.fuzz.ts';
import { fuzzGrpc } from './receiver-grpc.fuzz.ts';

/** `npm run fuzz -- --seconds N --seed S`: every target in turn, with new inputs each round, until the time is up. */
const { values } = parseArgs({
  options: { seconds: { type: 'string', default: '60' }, seed: { type: 'string' } },
});
const seconds = Number(values.seconds);
const firstSeed = values.seed === undefined ? randomInt(2 ** 31) : Number(values.seed);
if (!(seconds > 0) || !Number.isSafeInteger(firstSeed)) {
  console.error('Give a number of seconds above 0 and a whole number as seed: npm run fuzz -- --seconds 60 --seed 1');
  process.exit(64);
}

const targets = {
  'tag walker': fuzzInspect,
  'JSON transcoder': fuzzTranscode,
  enricher: fuzzEnrich,
  gzip: fuzzGzip,
  receiver: fuzzReceiver,
  'gRPC receiver': fuzzGrpc,
};
const iterations = 1_000;
const endsAt = performance.now() + seconds * 1_000;
let inputs = 0;
for (let seed = firstSeed; performance.now() < endsAt; seed++) {
  for (const [name, fuzz] of Object.entries(targets)) {
    try {
      await fuzz(seed, iterations);
    } catch (error) {
      console.error(`The ${name} fails with seed ${seed}: npm run fuzz -- --seconds 1 --seed ${seed}`);
      throw error;
    }
    inputs += iterations;
  }
}
console.log(`${inputs.toLocaleString('en')} inputs from seed ${firstSeed} on, no crash, no hang, no disagreement.`);
