import type { SendTestResult } from '../../shared/control.ts';
import type { Io } from './io.ts';
import { wrap } from './wrap.ts';

/** What came of a test, by destination. */
export function renderSendTest(results: readonly SendTestResult[], io: Io): string {
  const names = [...new Set(results.map(({ destination }) => destination))];
  const width = Math.max(...results.map(({ signal }) => signal.length));
  const paragraphs = names.map((name) => {
    const lines = results
      .filter(({ destination }) => destination === name)
      .map((result) => resultLine(result, width, io));
    return [io.style('bold', name), ...lines].join('\n');
  });
  const delivered = results.filter(({ outcome }) => outcome === 'delivered').length;
  const sum = `${delivered} of ${results.length} delivered.`;
  return [...paragraphs, io.style(delivered === results.length ? 'green' : 'red', sum)].join('\n\n');
}

function resultLine({ signal, outcome, status, message, tookMs }: SendTestResult, width: number, io: Io): string {
  const isDelivered = outcome === 'delivered';
  const start = `  ${isDelivered ? '✓' : '✗'} ${signal.padEnd(width)}  `;
  const answer = status === undefined ? '' : ` (${status})`;
  const text = wrap(`${outcome}${answer} after ${Math.round(tookMs)} ms: ${message}`, io.columns(), start);
  return text.replace(outcome, io.style(isDelivered ? 'green' : 'red', outcome));
}
