import { styleText } from 'node:util';

export type SpanStyle = 'bold' | 'dim' | 'green' | 'yellow' | 'red';

/** A piece of a line in one style. Its characters are one column wide each. */
export interface Span {
  readonly text: string;
  readonly styles: readonly SpanStyle[];
}

export type Line = readonly Span[];

export function span(text: string, ...styles: readonly SpanStyle[]): Span {
  return { text, styles };
}

/** A line as text, cut off at `width` columns, without blanks at its end. */
export function paintLine(line: Line, width: number, colour: boolean): string {
  const plain = line.map(({ text }) => text).join('');
  let left = plain.slice(0, width).trimEnd().length;
  const pieces = line.map(({ text, styles }) => {
    const kept = text.slice(0, left);
    left -= kept.length;
    return colour && styles.length > 0 && kept !== '' ? styleText([...styles], kept, { validateStream: false }) : kept;
  });
  return pieces.join('');
}

/** Words in lines of at most `width` columns; a last line that would be one too many ends with an ellipsis. */
export function wrap(text: string, width: number, maxLines: number): readonly string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line === '') line = word;
    else if (line.length + 1 + word.length <= width) line += ` ${word}`;
    else {
      lines.push(line);
      line = word;
    }
  }
  lines.push(line);
  if (lines.length <= maxLines) return lines;
  const last = lines[maxLines - 1] ?? '';
  return [...lines.slice(0, maxLines - 1), `${last.slice(0, width - 2)} …`];
}
