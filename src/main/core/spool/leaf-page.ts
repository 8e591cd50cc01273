import { pageBytes } from './database.ts';
import type { Row } from './salvage.ts';

/**
 * Rows read from the bytes of a page, without the tree above it: https://www.sqlite.org/fileformat.html#b_tree_pages.
 * The spool's files have no reserved bytes, so all of a page is usable.
 */

/** Reads page `page`, counted from 1, into `into`, which has its size; false where it cannot be read. */
export type PageReader = (page: number, into: Buffer) => boolean;

export type ScannedTable = 'request' | 'quarantine';

type Kind = 'id' | 'integer' | 'integer or null' | 'text' | 'blob';

/** What tells the rows of one table from those of every other: an id that is the row's own number is stored as null. */
const columns: Record<ScannedTable, readonly (readonly [name: string, kind: Kind])[]> = {
  request: [
    ['id', 'id'],
    ['signal', 'integer'],
    ['received_at', 'integer'],
    ['points', 'integer'],
    ['crc', 'integer'],
    ['only_for', 'integer or null'],
    ['body', 'blob'],
  ],
  quarantine: [
    ['id', 'id'],
    ['destination', 'integer'],
    ['signal', 'integer'],
    ['received_at', 'integer'],
    ['quarantined_at', 'integer'],
    ['points', 'integer'],
    ['status', 'integer'],
    ['message', 'text'],
    ['crc', 'integer'],
    ['body', 'blob'],
  ],
};

const tableLeaf = 0x0d;
const leafHeadBytes = 8;

/** The rows on a leaf page that have the shape of `table`; none when it is another page, or garbage. Never throws. */
export function* rowsOnPage(page: Buffer, table: ScannedTable, read: PageReader): Generator<Row> {
  if (page[0] !== tableLeaf) return;
  const cells = Math.min(page.readUInt16BE(3), (pageBytes - leafHeadBytes) / 2);
  for (let cell = 0; cell < cells; cell++) {
    const row = parseCell(page, page.readUInt16BE(leafHeadBytes + cell * 2), table, read);
    if (row) yield row;
  }
}

function parseCell(page: Buffer, start: number, table: ScannedTable, read: PageReader): Row | undefined {
  const length = varint(page, start);
  const id = length && varint(page, length.end);
  if (!id || !Number.isSafeInteger(id.value)) return undefined;
  const local = localBytes(length.value);
  const end = id.end + local;
  const spills = local < length.value;
  if (end + (spills ? 4 : 0) > pageBytes) return undefined;
  const inPage = page.subarray(id.end, end);
  // The shape must fit to the byte before anything else is read, so that garbage costs nothing.
  const layout = layoutOf(inPage, table);
  if (!layout || layout.end !== length.value) return undefined;
  const record = spills ? withOverflow(inPage, length.value, page.readUInt32BE(end), read) : Buffer.from(inPage);
  return record && { ...toRow(record, layout.fields), id: id.value };
}

/** How much of a record is in the leaf itself: https://www.sqlite.org/fileformat.html#cell_payload_overflow_pages */
function localBytes(length: number): number {
  if (length <= pageBytes - 35) return length;
  const least = Math.floor(((pageBytes - 12) * 32) / 255) - 23;
  const fitting = least + ((length - least) % (pageBytes - 4));
  return fitting <= pageBytes - 35 ? fitting : least;
}

function withOverflow(
  inPage: Buffer,
  length: number,
  first: number,
  read: PageReader,
): Buffer<ArrayBuffer> | undefined {
  const parts = [Buffer.from(inPage)];
  const seen = new Set<number>();
  let left = length - inPage.length;
  for (let next = first; left > 0; ) {
    const page = Buffer.allocUnsafe(pageBytes);
    if (next === 0 || seen.has(next) || !read(next, page)) return undefined;
    seen.add(next);
    const part = page.subarray(4, 4 + Math.min(left, pageBytes - 4));
    parts.push(part);
    left -= part.length;
    next = page.readUInt32BE(0);
  }
  return Buffer.concat(parts);
}

interface Field {
  readonly name: string;
  readonly type: number;
  readonly start: number;
  readonly end: number;
}

/** Where each column is in the record; undefined when it is not a record of this table. */
function layoutOf(record: Buffer, table: ScannedTable): { fields: readonly Field[]; end: number } | undefined {
  const head = varint(record, 0);
  if (!head || head.value > record.length) return undefined;
  const fields: Field[] = [];
  let at = head.end;
  let start = head.value;
  for (const [name, kind] of columns[table]) {
    const type = varint(record, at);
    if (!type || type.end > head.value || !isOfKind(type.value, kind)) return undefined;
    const end = start + valueBytes(type.value);
    fields.push({ name, type: type.value, start, end });
    at = type.end;
    start = end;
  }
  return at === head.value ? { fields, end: start } : undefined;
}

/** Serial types: https://www.sqlite.org/fileformat.html#record_format */
const integerBytes = [0, 1, 2, 3, 4, 6, 8];
const firstBlobType = 12;

function isOfKind(type: number, kind: Kind): boolean {
  const isInteger = (type >= 1 && type <= 6) || type === 8 || type === 9;
  switch (kind) {
    case 'id':
      return type === 0;
    case 'integer':
      return isInteger;
    case 'integer or null':
      return isInteger || type === 0;
    case 'text':
      return type > firstBlobType && type % 2 === 1;
    case 'blob':
      return type >= firstBlobType && type % 2 === 0;
  }
}

function valueBytes(type: number): number {
  return type >= firstBlobType ? Math.floor((type - firstBlobType) / 2) : (integerBytes[type] ?? 0);
}

function toRow(record: Buffer<ArrayBuffer>, fields: readonly Field[]): Row {
  const row: Row = {};
  for (const { name, type, start, end } of fields) {
    if (type === 0) row[name] = null;
    else if (type === 8 || type === 9) row[name] = type - 8;
    else if (type === 6) row[name] = Number(record.readBigInt64BE(start));
    else if (type < firstBlobType) row[name] = record.readIntBE(start, end - start);
    else row[name] = type % 2 === 0 ? record.subarray(start, end) : record.toString('utf8', start, end);
  }
  return row;
}

/** https://www.sqlite.org/fileformat.html#varint; one that is negative or too large comes out as no safe integer. */
function varint(bytes: Buffer, start: number): { value: number; end: number } | undefined {
  let value = 0;
  for (let at = start; at < start + 9; at++) {
    const byte = bytes[at];
    if (byte === undefined) return undefined;
    if (at === start + 8) return { value: value * 256 + byte, end: at + 1 };
    value = value * 128 + (byte & 0x7f);
    if (byte < 0x80) return { value, end: at + 1 };
  }
  return undefined;
}
