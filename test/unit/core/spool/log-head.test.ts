import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { openDatabase } from '../../../../src/main/core/spool/database.ts';
import { isLogHead, logHeadBytes, logStartBytes, rebuildLogHead } from '../../../../src/main/core/spool/log-head.ts';
import { stateFile } from '../../../support/spool-folder.ts';

/** The log of a database after some checkpoints. */
function logAfter(checkpoints: number): Buffer {
  const path = stateFile('logged.db');
  const db = openDatabase(path);
  db.exec('CREATE TABLE t (a)');
  for (let n = 0; n < checkpoints; n++) db.exec('INSERT INTO t VALUES (1); PRAGMA wal_checkpoint(TRUNCATE)');
  db.exec('INSERT INTO t VALUES (2)');
  const log = readFileSync(`${path}-wal`);
  db.close();
  return log;
}

test.each([0, 1, 5])('the head of a log is rebuilt from its first frame, after %d checkpoints', (checkpoints) => {
  const log = logAfter(checkpoints);
  const head = Buffer.from(log.subarray(0, logHeadBytes));
  expect(isLogHead(head)).toBe(true);
  log.fill(0x5a, 0, logHeadBytes);
  expect(isLogHead(log.subarray(0, logHeadBytes))).toBe(false);
  expect(rebuildLogHead(log)).toEqual(head);
});

test('a first frame that is damaged gives no head', () => {
  for (const at of [logHeadBytes, logHeadBytes + 9, logHeadBytes + 17, logStartBytes - 1]) {
    const log = logAfter(1);
    log[at] = (log[at] ?? 0) ^ 1;
    expect(rebuildLogHead(log)).toBeUndefined();
  }
});

test('a log that is too short gives no head', () => {
  expect(rebuildLogHead(logAfter(0).subarray(0, logStartBytes - 1))).toBeUndefined();
  expect(isLogHead(Buffer.alloc(20))).toBe(false);
});
