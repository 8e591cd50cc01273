import { stripVTControlCharacters } from 'node:util';
import { describe, expect, test } from 'vitest';
import type { Balance } from '../../../src/main/cli/demo/balance.ts';
import { renderPicture } from '../../../src/main/cli/demo/picture.ts';
import { downMoment, endMoment, healthyMoment, isDown, isUpAgain, modelAt } from './demo-model.ts';

const balance: Balance = {
  exported: 535,
  acknowledged: 535,
  accepted: 535,
  arrived: 535,
  duplicates: 0,
  resent: 7,
  lost: 0,
  problems: [],
};

const healthy = modelAt(healthyMoment);
const down = modelAt(downMoment, isDown);
const upAgain = modelAt({ ...downMoment, seconds: 10.5 }, isUpAgain);
const ended = modelAt(endMoment, { ...isUpAgain, scene: 'ended', balance });

describe('the picture in 80 columns', () => {
  test('while all is well', () => {
    expect(renderPicture(healthy, 79, false)).toMatchInlineSnapshot(`
      "  Span Relay demo                                3 s of 20 s · Ctrl-C ends it

        Claude Code ────────────────▶ Relay ────────────────▶ Span (stand-in)
        3 sessions                    7 pending               last success just now
        56 exported                   56 accepted             49 arrived

        All is well: every export is on disk before it is answered, then delivered.
        ✓ Telemetry flows: 7 data points on the way.


        Pending on disk  7 points
           10 │
              │ ▆▆  ▆    ▆
              │ ██  █    █
              │ ██  █▆▆  █
            0 └────────────────────────────────────────────────────────────────────


        Books     accepted delivered   pending  rejected   dropped    resent
        metrics         28        28         0         0         0         0
        logs            28        21         7         0         0         0
        traces           0         0         0         0         0         0
        all             56        49         7         0         0         0"
    `);
  });

  test('while Span is down', () => {
    expect(renderPicture(down, 79, false)).toMatchInlineSnapshot(`
      "  Span Relay demo                                8 s of 20 s · Ctrl-C ends it

        Claude Code ────────────────▶ Relay ────── ✗ ───────▶ Span (stand-in)  down
        3 sessions                    64 pending              last success 3 s ago
        160 exported                  160 accepted            96 arrived

        Span is down: everything is kept on disk. Next attempt in 3 s.
        ✓ Telemetry is safe: span did not answer just now, and 64 data points are
          safe on disk and wait. The relay tries again by itself.

        Pending on disk  64 points
           80 │                           ▂
              │                       ▃▃▇▇█
              │                    ▃▃██████
              │ ▃▃  ▃▁▁  ▃  ▃▃▁▁▃▇▇████████
            0 └─────────────────━━━━━━━━━━─────────────────────────────────────────
                                ▲ Span down

        Books     accepted delivered   pending  rejected   dropped    resent
        metrics         70        42        28         0         0         7
        logs            70        42        28         0         0         0
        traces          20        12         8         0         0         0
        all            160        96        64         0         0         7"
    `);
  });

  test('while Span is up and the relay waits for its next attempt', () => {
    expect(renderPicture(upAgain, 79, false)).toMatchInlineSnapshot(`
      "  Span Relay demo                               11 s of 20 s · Ctrl-C ends it

        Claude Code ────────────────▶ Relay ┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄▶ Span (stand-in)
        3 sessions                    64 pending              last success 6 s ago
        160 exported                  160 accepted            96 arrived

        Span is up again: the relay delivers at its next attempt. Next attempt now.
        ✓ Telemetry is safe: span did not answer just now, and 64 data points are
          safe on disk and wait. The relay tries again by itself.

        Pending on disk  64 points
           80 │                           ▂
              │                       ▃▃▇▇█
              │                    ▃▃██████
              │ ▃▃  ▃▁▁  ▃  ▃▃▁▁▃▇▇████████
            0 └─────────────────━━━━━━━━━━━━━━━━━──────────────────────────────────
                                ▲ Span down      ▲ up again

        Books     accepted delivered   pending  rejected   dropped    resent
        metrics         70        42        28         0         0         7
        logs            70        42        28         0         0         0
        traces          20        12         8         0         0         0
        all            160        96        64         0         0         7"
    `);
  });

  test('at the end, with the balance', () => {
    expect(renderPicture(ended, 79, false)).toMatchInlineSnapshot(`
      "  Span Relay demo                                                        21 s

        Claude Code ────────────────▶ Relay ────────────────▶ Span (stand-in)
        3 sessions                    0 pending               last success just now
        535 exported                  535 accepted            535 arrived

        Pending on disk  0 points
          150 │                                ▂▂▅▅▅
              │                           ▁▁▅▇▇█████▃
              │                      ▂▂▄▆▆███████████
              │ ▁▁ ▁▁▁▁ ▁▁ ▁▁▁▁▁▄▄▆▆█████████████████▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁
            0 └────────────────━━━━━━━━━━━━━━━━────────────────────────────────────
                               ▲ Span down     ▲ up again

        Books     accepted delivered   pending  rejected   dropped    resent
        metrics        238       238         0         0         0         7
        logs           231       231         0         0         0         0
        traces          66        66         0         0         0         0
        all            535       535         0         0         0         7

        ✓ The books balance. Span was down, and nothing is lost.
          exported 535 = acknowledged 535 = accepted 535 = arrived 535, lost 0
          7 points were sent again after a broken connection; none arrived twice."
    `);
  });
});

const models = { healthy, down, upAgain, ended };

describe.each(Object.entries(models))('the picture of %s', (_, model) => {
  test.each([1, 20, 40, 59, 79, 119, 300])('fits into %i columns and 23 lines', (width) => {
    const lines = renderPicture(model, width, false).split('\n');
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(width);
    if (width >= 79) expect(lines.length).toBeLessThanOrEqual(23);
  });

  test('says the same in colour', () => {
    const coloured = renderPicture(model, 79, true);
    expect(coloured).toContain('\x1b[');
    expect(stripVTControlCharacters(coloured)).toBe(renderPicture(model, 79, false));
  });

  test('never cuts a number of the books off', () => {
    const rows = renderPicture(model, 47, false)
      .split('\n')
      .filter((line) => /^ {2}(metrics|logs|traces|all) /.test(line));
    expect(rows).toHaveLength(4);
    expect(rows.every((row) => row.length === 40)).toBe(true);
  });
});
