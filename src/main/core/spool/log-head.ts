import { pageBytes } from './database.ts';

/**
 * The head of a write-ahead log. SQLite takes a log with a damaged head for an empty one, though everything in the head
 * follows from the log's first frame: https://www.sqlite.org/fileformat.html#wal_file_format.
 */

export const logHeadBytes = 32;
/** In front of every page in the log. */
export const frameHeadBytes = 24;
/** What `rebuildLogHead` needs of the log. */
export const logStartBytes = logHeadBytes + frameHeadBytes + pageBytes;

const formatVersion = 3_007_000;

type Sums = readonly [number, number];

interface ByteOrder {
  readonly magic: number;
  readonly word: (bytes: Buffer, at: number) => number;
  readonly setWord: (bytes: Buffer, at: number, value: number) => void;
}

/** The order of the bytes in a word is that of the machine which began the log. */
const orders: readonly ByteOrder[] = [
  {
    magic: 0x377f0682,
    word: (bytes, at) => bytes.readUInt32LE(at),
    setWord: (bytes, at, value) => void bytes.writeUInt32LE(value, at),
  },
  {
    magic: 0x377f0683,
    word: (bytes, at) => bytes.readUInt32BE(at),
    setWord: (bytes, at, value) => void bytes.writeUInt32BE(value, at),
  },
];

export function isLogHead(head: Buffer): boolean {
  if (head.length < logHeadBytes) return false;
  const order = orders.find(({ magic }) => magic === head.readUInt32BE(0));
  if (!order) return false;
  const [first, second] = checksum(head.subarray(0, 24), order, [0, 0]);
  return first === head.readUInt32BE(24) && second === head.readUInt32BE(28);
}

/**
 * The head of the log that starts with these bytes, of which the first 32 are not looked at; undefined when its first
 * frame is damaged too. A frame's checksum goes on from the one before it, and can be reckoned back to it: that gives
 * the head's checksum, and so the one number in it that is nowhere else.
 */
export function rebuildLogHead(start: Buffer): Buffer | undefined {
  if (start.length < logStartBytes) return undefined;
  for (const order of orders) {
    const head = Buffer.alloc(logHeadBytes);
    head.writeUInt32BE(order.magic, 0);
    head.writeUInt32BE(formatVersion, 4);
    head.writeUInt32BE(pageBytes, 8);
    start.copy(head, 16, logHeadBytes + 8, logHeadBytes + 16);

    const frame = start.subarray(logHeadBytes, logStartBytes);
    const ofFrame: Sums = [frame.readUInt32BE(16), frame.readUInt32BE(20)];
    const ofHead = beforeBytes(
      frame.subarray(0, 8),
      order,
      beforeBytes(frame.subarray(frameHeadBytes), order, ofFrame),
    );
    const [, beforeSalts] = beforeBytes(head.subarray(16, 24), order, ofHead);
    const [first, second] = checksum(head.subarray(0, 8), order, [0, 0]);
    const checkpoints = (beforeSalts - second - (first + order.word(head, 8) + second)) >>> 0;
    order.setWord(head, 12, checkpoints);
    head.writeUInt32BE(ofHead[0], 24);
    head.writeUInt32BE(ofHead[1], 28);
    if (isLogHead(head)) return head;
  }
  return undefined;
}

/** https://www.sqlite.org/fileformat.html#checksum_algorithm */
function checksum(bytes: Buffer, { word }: ByteOrder, [first, second]: Sums): Sums {
  let [a, b] = [first, second];
  for (let at = 0; at < bytes.length; at += 8) {
    a = (a + word(bytes, at) + b) >>> 0;
    b = (b + word(bytes, at + 4) + a) >>> 0;
  }
  return [a, b];
}

/** The sums to which these bytes were added to give `sums`. */
function beforeBytes(bytes: Buffer, { word }: ByteOrder, [first, second]: Sums): Sums {
  let [a, b] = [first, second];
  for (let at = bytes.length - 8; at >= 0; at -= 8) {
    b = (b - word(bytes, at + 4) - a) >>> 0;
    a = (a - word(bytes, at) - b) >>> 0;
  }
  return [a, b];
}
