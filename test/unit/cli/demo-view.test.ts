import { describe, expect, test } from 'vitest';
import { liveView, plainView } from '../../../src/main/cli/demo/view.ts';
import { downMoment, endMoment, healthyMoment, isDown, isUpAgain, modelAt } from './demo-model.ts';

const balance = {
  exported: 535,
  acknowledged: 535,
  accepted: 535,
  arrived: 535,
  duplicates: 0,
  resent: 0,
  lost: 0,
  problems: [],
};
const ended = modelAt(endMoment, { ...isUpAgain, scene: 'ended', balance });

describe('in a terminal', () => {
  function open(columns = 80, rows = 24) {
    const written: string[] = [];
    const view = liveView({ write: (text) => written.push(text), size: () => ({ columns, rows }), colour: false });
    view.begin();
    return { view, written };
  }

  test('draws on the other screen without the cursor, and gives both back once', () => {
    const { view, written } = open();
    expect(written[0]?.startsWith('\x1b[?1049h\x1b[?25l')).toBe(true);
    view.close();
    view.close();
    expect(written.slice(1)).toEqual(['\x1b[?25h\x1b[?1049l']);
  });

  test('does nothing to the terminal when closed before it began', () => {
    const written: string[] = [];
    liveView({ write: (text) => written.push(text), size: () => ({ columns: 80, rows: 24 }), colour: false }).close();
    expect(written).toEqual([]);
  });

  test('draws each picture over the one before, line by line, and only when it differs', () => {
    const { view, written } = open();
    view.show(modelAt(healthyMoment));
    view.show(modelAt(healthyMoment));
    expect(written).toHaveLength(2);
    expect(written[1]?.startsWith('\x1b[?2026h\x1b[H  Span Relay demo')).toBe(true);
    expect(written[1]).toContain('\x1b[K\r\n\x1b[K\r\n  Claude Code');
    expect(written[1]).not.toContain('\x1b[2J');
    expect(written[1]?.endsWith('\x1b[J\x1b[?2026l')).toBe(true);
  });

  test('never makes the screen scroll', () => {
    const { view, written } = open(80, 10);
    view.show(modelAt(healthyMoment));
    expect(written[1]?.split('\r\n')).toHaveLength(10);
  });

  test('leaves the last picture with the balance on the usual screen', () => {
    const { view, written } = open();
    view.end(ended);
    expect(written[1]).toBe('\x1b[?25h\x1b[?1049l');
    expect(written[2]).toContain('✓ The books balance.');
    expect(written).toHaveLength(3);
  });
});

test('without a terminal: a line a second, one at each change of scene, and the balance', () => {
  let written = '';
  const view = plainView((text) => {
    written += text;
  });
  view.begin();
  view.show(modelAt(healthyMoment));
  view.show(modelAt({ ...healthyMoment, seconds: 3.4 }));
  view.show(modelAt(downMoment, isDown));
  view.end(ended);
  expect(written).toMatchInlineSnapshot(`
    "The relay starts in a temporary folder, with a stand-in for Span.
       3 s  All is well: every export is on disk before it is answered, then delivered.
       3 s  exported 56, accepted 56, pending 7, arrived 49, last success just now
       8 s  Span is down: everything is kept on disk. Next attempt in 3 s.
       8 s  exported 160, accepted 160, pending 64, arrived 96, last success 3 s ago

      destination  signal   accepted  delivered  pending  rejected  dropped  refused  resent
      span         metrics       238        238        0         0        0        0       7
      span         logs          231        231        0         0        0        0       0
      span         traces         66         66        0         0        0        0       0

    The books balance. Span was down, and nothing is lost.
    exported 535 = acknowledged 535 = accepted 535 = arrived 535, lost 0
    "
  `);
});
