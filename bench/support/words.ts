export function count(value: number): string {
  return Number.isFinite(value) ? Math.round(value).toLocaleString('en') : '–';
}

export function ms(value: number): string {
  if (!Number.isFinite(value)) return '–';
  if (value >= 1_000) return `${(value / 1_000).toFixed(1)} s`;
  return `${value.toFixed(value < 10 ? 2 : 0)} ms`;
}

export function microseconds(value: number): string {
  return Number.isFinite(value) ? `${value.toFixed(1)} µs` : '–';
}

export function megabytes(value: number): string {
  return Number.isFinite(value) ? `${Math.round(value).toLocaleString('en')} MB` : '–';
}

export function percent(share: number, digits = 0): string {
  return Number.isFinite(share) ? `${(share * 100).toFixed(digits)} %` : '–';
}

export function times(ratio: number): string {
  return Number.isFinite(ratio) ? `× ${ratio.toFixed(2)}` : '–';
}

/** A Markdown table: the first column reads, the others are numbers. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  const rule = head.map((_, column) => (column === 0 ? '---' : '--:'));
  return [line(head), line(rule), ...rows.map(line)].join('\n');
}
