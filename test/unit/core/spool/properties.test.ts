import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { signals } from '../../../../src/shared/signal.ts';
import { quickFolder } from '../../../support/spool-folder.ts';
import { expectDrain, spoolCommands } from './commands.ts';
import { destinationNames, Model, Real } from './model.ts';

/** SPAN_RELAY_PROPERTY_RUNS=2000 for a long search. */
const numRuns = Number(process.env.SPAN_RELAY_PROPERTY_RUNS ?? 60);
const maxCommands = 40;

let root = '';

beforeAll(() => {
  root = mkdtempSync(join(quickFolder, 'span-relay-model-'));
});

afterAll(() => rmSync(root, { recursive: true, force: true }));

test('whatever happens in whatever order, the books balance and nothing that was acknowledged is lost', {
  timeout: 30_000 + numRuns * 2000,
}, () => {
  fc.assert(
    fc.property(fc.commands(spoolCommands, { maxCommands, size: 'max' }), (commands) => {
      const model = new Model();
      const own = mkdtempSync(join(root, 'state-'));
      const real = new Real(own, model);
      try {
        const destinations = destinationNames.slice(0, 2).map((name) => ({ name, signals }));
        real.change({ op: 'destinations', destinations });
        model.setDestinations(destinations);
        fc.modelRun(() => ({ model, real }), commands);
        expectDrain(model, real);
        expect(real.events.filter(({ kind }) => kind === 'disk-full' || kind === 'unavailable')).toEqual([]);
      } finally {
        try {
          real.engine.close();
        } finally {
          // Folders of memory that pile up while a failure is being shrunk would take the machine along.
          rmSync(own, { recursive: true, force: true });
        }
      }
    }),
    { numRuns, ...(process.env.SPAN_RELAY_SEED ? { seed: Number(process.env.SPAN_RELAY_SEED) } : {}) },
  );
});
