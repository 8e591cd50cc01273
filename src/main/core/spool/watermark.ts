import { closeSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs';
import { crc32 } from 'node:zlib';
import * as v from 'valibot';
import { numberNames, type QueueNumbers } from './queue.ts';

/**
 * A copy of the books beside the spool's file, written after every commit. It is what tells, after damage, how much
 * was there: SQLite silently ignores a write-ahead log that it cannot read, and the books inside a damaged file go
 * with it. It is not synced: after a power cut it may be older than the spool, never newer, and then it does not count.
 */
export interface Watermark {
  readonly commits: number;
  readonly nextId: number;
  readonly queues: readonly WatermarkQueue[];
}

export interface WatermarkQueue {
  readonly destination: string;
  readonly destinationId: number;
  readonly signal: number;
  readonly numbers: QueueNumbers;
  readonly subscriptions: readonly (readonly [first: number, last: number])[];
}

/** Two slots, written in turn, so that a write that was cut off leaves the one before. */
const slotBytes = 256 * 1024;
const slots = 2;

const count = v.pipe(v.number(), v.safeInteger());
const stored = v.object({
  commits: count,
  nextId: count,
  queues: v.array(v.tuple([v.string(), count, count, v.array(count), v.array(v.tuple([count, count]))])),
});

export class WatermarkFile {
  #fd: number | undefined;

  constructor(path: string) {
    this.#fd = openWritable(path);
  }

  write(watermark: Watermark): void {
    const json = JSON.stringify({
      commits: watermark.commits,
      nextId: watermark.nextId,
      queues: watermark.queues.map(({ destination, destinationId, signal, numbers, subscriptions }) => [
        destination,
        destinationId,
        signal,
        numberNames.map((name) => numbers[name]),
        subscriptions,
      ]),
    });
    const line = `${crc32(json).toString(16).padStart(8, '0')} ${json}\n`;
    if (this.#fd === undefined || line.length > slotBytes) return;
    writeSync(this.#fd, line, (watermark.commits % slots) * slotBytes);
  }

  close(): void {
    if (this.#fd !== undefined) closeSync(this.#fd);
    this.#fd = undefined;
  }
}

function openWritable(path: string): number {
  try {
    return openSync(path, 'r+', 0o600);
  } catch {
    // There is none, or something that cannot be written is in its place.
    rmSync(path, { recursive: true, force: true });
    return openSync(path, 'w+', 0o600);
  }
}

/** The newest readable copy; undefined when there is none. */
export function readWatermark(path: string): Watermark | undefined {
  let bytes: Buffer;
  try {
    bytes = readFileSync(path);
  } catch {
    return undefined;
  }
  const copies = Array.from({ length: slots }, (_, slot) =>
    parseSlot(bytes.subarray(slot * slotBytes, (slot + 1) * slotBytes)),
  );
  return copies.reduce(
    (newest, copy) => (copy && (!newest || copy.commits > newest.commits) ? copy : newest),
    undefined,
  );
}

function parseSlot(slot: Buffer): Watermark | undefined {
  const end = slot.indexOf(0x0a);
  if (end < 10) return undefined;
  const json = slot.toString('utf8', 9, end);
  if (slot.toString('latin1', 0, 8) !== crc32(json).toString(16).padStart(8, '0')) return undefined;
  const parsed = v.safeParse(stored, JSON.parse(json));
  if (!parsed.success) return undefined;
  return {
    commits: parsed.output.commits,
    nextId: parsed.output.nextId,
    queues: parsed.output.queues.flatMap(([destination, destinationId, signal, values, subscriptions]) => {
      const numbers = toNumbers(values);
      return numbers ? [{ destination, destinationId, signal, numbers, subscriptions }] : [];
    }),
  };
}

function toNumbers(values: readonly number[]): QueueNumbers | undefined {
  if (values.length !== numberNames.length) return undefined;
  return Object.fromEntries(numberNames.map((name, index) => [name, values[index]])) as QueueNumbers;
}
