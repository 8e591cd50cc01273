import { homedir } from 'node:os';
import { styleText } from 'node:util';
import { type Clock, systemClock } from '../core/clock.ts';

export type Style = 'bold' | 'dim' | 'green' | 'yellow' | 'red';

/** What a command touches of the process that it runs in. */
export interface Io {
  readonly out: (text: string) => void;
  readonly err: (text: string) => void;
  /** Colours text where standard output is a terminal that wants it. */
  readonly style: (style: Style, text: string) => string;
  /** Standard input as text, to its end; of a `secret`, one line that is not shown where a person types it. */
  readonly readInput: (what: 'secret' | 'text', prompt: string) => Promise<string>;
  /** How wide a line may be: the terminal's width, 80 where there is none. */
  readonly columns: () => number;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly platform: NodeJS.Platform;
  readonly home: string;
  readonly clock: Clock;
  /** Calls `listener` when the process is asked to end, the first time; the second time it ends. */
  readonly onStopSignal: (listener: () => void) => void;
}

export const processIo: Io = {
  out: (text) => void process.stdout.write(text),
  err: (text) => void process.stderr.write(text),
  style: (style, text) => styleText(style, text, { stream: process.stdout }),
  async readInput(what, prompt) {
    const { stdin } = process;
    if (stdin.isTTY) process.stderr.write(prompt);
    if (what === 'secret' && stdin.isTTY) return readHidden(stdin);
    let text = '';
    for await (const piece of stdin.setEncoding('utf8')) text += String(piece);
    return text;
  },
  // A pseudo-terminal that nobody has given a size says 0.
  columns: () => process.stdout.columns || 80,
  env: process.env,
  platform: process.platform,
  home: homedir(),
  clock: systemClock,
  onStopSignal(listener) {
    process.once('SIGTERM', listener);
    process.once('SIGINT', listener);
  },
};

/** The line that is typed at a terminal, which shows nothing of it. In raw mode the keys that a terminal acts on come as characters. */
async function readHidden(terminal: typeof process.stdin): Promise<string> {
  let line = '';
  terminal.setRawMode(true);
  try {
    for await (const piece of terminal.setEncoding('utf8')) {
      for (const key of String(piece)) {
        if (key === '\r' || key === '\n' || key === '\u0004') return line;
        if (key === '\u0003') {
          terminal.setRawMode(false);
          process.kill(process.pid, 'SIGINT');
          return '';
        }
        line = key === '\u007F' || key === '\b' ? line.slice(0, -1) : line + key;
      }
    }
    return line;
  } finally {
    terminal.setRawMode(false);
    process.stderr.write('\n');
  }
}
