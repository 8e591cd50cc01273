import { addBooks, type Books, emptyBooks } from '../../../shared/ledger.ts';
import { formatDuration, formatNumber } from '../../../shared/wording.ts';
import { ledgerTable } from '../render-ledger.ts';
import { balanceWords } from './balance.ts';
import type { DemoModel, Scene } from './model.ts';
import { renderPicture } from './picture.ts';
import { lastSuccess, sceneWords } from './words.ts';

/** How somebody sees the demo. */
export interface View {
  /** Before there is a picture: the relay starts. */
  begin(): void;
  show(model: DemoModel): void;
  /** The last picture, with the balance; it stays. */
  end(model: DemoModel): void;
  /** Leaves the terminal as it was; idempotent. */
  close(): void;
}

export interface Terminal {
  readonly write: (text: string) => void;
  /** Columns and rows, now. */
  readonly size: () => { readonly columns: number; readonly rows: number };
  readonly colour: boolean;
}

// ECMA-48 and xterm's private modes: alternate screen, cursor, synchronised output (ignored where it is not known).
const enter = '\x1b[?1049h\x1b[?25l\x1b[2J';
const leave = '\x1b[?25h\x1b[?1049l';
const beginFrame = '\x1b[?2026h\x1b[H';
const endFrame = '\x1b[J\x1b[?2026l';
const clearRest = '\x1b[K';

const beginning = 'The relay starts in a temporary folder, with a stand-in for Span.';

/** Draws over the same place again and again, on the terminal's other screen. */
export function liveView({ write, size, colour }: Terminal): View {
  let isOpen = false;
  let drawn = '';

  function close(): void {
    if (isOpen) write(leave);
    isOpen = false;
  }

  return {
    begin() {
      isOpen = true;
      write(`${enter}${beginFrame}  ${beginning}${endFrame}`);
    },
    show(model) {
      const { columns, rows } = size();
      // One column is left free: terminals differ in what they do after a character in the last one.
      const lines = renderPicture(model, columns - 1, colour)
        .split('\n')
        .slice(0, rows);
      const frame = lines.map((line) => `${line}${clearRest}`).join('\r\n');
      if (frame !== drawn) write(`${beginFrame}${frame}${endFrame}`);
      drawn = frame;
    },
    end(model) {
      close();
      write(`${renderPicture(model, size().columns - 1, colour)}\n`);
    },
    close,
  };
}

const lineEveryMs = 1_000;

/** A line a second, and one when the scene changes, for logs and pipes. */
export function plainView(write: (text: string) => void): View {
  let scene: Scene | undefined;
  let nextLineMs = 0;
  const line = ({ elapsedMs }: DemoModel, text: string) => write(`${formatDuration(elapsedMs).padStart(6)}  ${text}\n`);
  return {
    begin: () => write(`${beginning}\n`),
    show(model) {
      if (model.scene !== scene) line(model, sceneWords(model));
      scene = model.scene;
      if (model.elapsedMs < nextLineMs) return;
      nextLineMs = (Math.floor(model.elapsedMs / lineEveryMs) + 1) * lineEveryMs;
      line(model, numbers(model));
    },
    end(model) {
      write(`\n${ledgerTable(model.health.ledger)}\n\n`);
      if (model.balance !== null) write(`${balanceWords(model.balance).join('\n')}\n`);
    },
    close: () => undefined,
  };
}

function numbers(model: DemoModel): string {
  const { accepted, pending } = model.health.ledger.reduce<Books>(addBooks, emptyBooks);
  const counts = { exported: model.exported, accepted, pending, arrived: model.arrived };
  const words = Object.entries(counts).map(([name, count]) => `${name} ${formatNumber(count)}`);
  return [...words, lastSuccess(model)].join(', ');
}
