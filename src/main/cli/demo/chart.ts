import { formatNumber } from '../../../shared/wording.ts';
import type { DemoModel, Sample } from './model.ts';
import { type Line, span } from './spans.ts';

const rows = 4;
const eighths = ['', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'] as const;
const scaleWidth = 7;

/** Pending over the time of the whole demo, with the outage marked under it: rows, axis and one line of marks. Pure. */
export function pendingChart(model: DemoModel, width: number): readonly Line[] {
  const { history, elapsedMs, script } = model;
  const columns = Math.max(1, width - scaleWidth - 2);
  const columnMs = Math.max(script.endAtMs, elapsedMs) / columns;
  const columnOf = (atMs: number) => Math.min(columns - 1, Math.floor(atMs / columnMs));
  const values = resample(history, columnOf);
  const top = niceCeiling(Math.max(...values, 0));
  const bars = Array.from({ length: rows }, (_, row) => {
    const label = row === 0 ? formatNumber(top) : '';
    const below = rows - 1 - row;
    const cells = values.map((value) => cell((value / top) * rows - below, below === 0 && value > 0));
    return [span(`${label.padStart(scaleWidth)} │`, 'dim'), span(cells.join(''), 'yellow')];
  });
  return [...bars, axis(model, columns, columnOf), marks(model, columnOf)];
}

/** The highest value in each column up to now; a column without a sample is as high as the one before. */
function resample(history: readonly Sample[], columnOf: (atMs: number) => number): readonly number[] {
  const values: number[] = [];
  let last = 0;
  for (const { atMs, pending } of history) {
    const column = columnOf(atMs);
    while (values.length < column) values.push(last);
    values[column] = Math.max(values[column] ?? 0, pending);
    last = pending;
  }
  return values;
}

/** One character of a bar that reaches `height` rows above its foot. Little is shown as something. */
function cell(height: number, atLeastOne: boolean): string {
  const eighth = Math.max(atLeastOne ? 1 : 0, Math.min(8, Math.round(height * 8)));
  return eighths[eighth] || ' ';
}

function axis({ downAtMs, upAtMs, elapsedMs }: DemoModel, columns: number, columnOf: (atMs: number) => number): Line {
  const label = '0'.padStart(scaleWidth);
  if (downAtMs === null) return [span(`${label} └${'─'.repeat(columns)}`, 'dim')];
  const from = columnOf(downAtMs);
  const until = Math.max(from + 1, columnOf(upAtMs ?? elapsedMs));
  return [
    span(`${label} └${'─'.repeat(from)}`, 'dim'),
    span('━'.repeat(until - from), 'red'),
    span('─'.repeat(Math.max(0, columns - until)), 'dim'),
  ];
}

function marks({ downAtMs, upAtMs }: DemoModel, columnOf: (atMs: number) => number): Line {
  if (downAtMs === null) return [];
  const from = columnOf(downAtMs);
  const down = [span(' '.repeat(scaleWidth + 2 + from)), span('▲ Span down', 'red')];
  if (upAtMs === null) return down;
  const gap = Math.max(1, columnOf(upAtMs) - from - '▲ Span down'.length);
  return [...down, span(' '.repeat(gap)), span('▲ up again', 'green')];
}

/** The scale ends at 1, 1.5, 2, 3, 4, 6 or 8 times a power of ten, so that it seldom changes. */
function niceCeiling(value: number): number {
  const power = 10 ** Math.max(1, Math.floor(Math.log10(Math.max(1, value))));
  return ([1, 1.5, 2, 3, 4, 6, 8].find((factor) => factor * power >= value) ?? 10) * power;
}
