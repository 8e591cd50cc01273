import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { writeHourSql } from './hour.ts';
import { flowNames, levelNames } from './queue.ts';

export type Statements = ReturnType<typeof prepareStatements>;

/** The statements of the store, prepared once: preparing costs more than running them. */
export function prepareStatements(db: DatabaseSync) {
  const statement = (sql: string): StatementSync => db.prepare(sql);
  return {
    insert: statement(
      'INSERT INTO request (id, signal, received_at, points, crc, only_for, body) VALUES (?, ?, ?, ?, ?, ?, ?)',
    ),
    delete: statement('DELETE FROM request WHERE id = ?'),
    deleteReserved: statement('DELETE FROM request WHERE only_for = ? AND signal = ? AND id <= ?'),
    deleteRange: statement('DELETE FROM request WHERE signal = ? AND id BETWEEN ? AND ?'),
    pick: statement(
      `SELECT id, points, crc, only_for, body FROM request
       WHERE signal = ? AND id BETWEEN ? AND ? AND (only_for IS NULL OR only_for = ?) ORDER BY id LIMIT ?`,
    ),
    reserved: statement('SELECT 1 FROM request WHERE only_for = ? LIMIT 1'),
    oldest: statement(
      `SELECT received_at FROM request
       WHERE signal = ? AND id BETWEEN ? AND ? AND (only_for IS NULL OR only_for = ?) ORDER BY id LIMIT 1`,
    ),
    amount: statement(
      `SELECT count(*) AS requests, total(points) AS points, total(length(body)) AS bytes FROM request
       WHERE signal = ? AND id BETWEEN ? AND ? AND only_for IS NULL`,
    ),
    reservedAfter: statement('SELECT id FROM request WHERE only_for = ? AND signal = ? AND id > ? ORDER BY id'),
    quarantine: statement(
      `INSERT INTO quarantine (destination, signal, received_at, quarantined_at, points, status, message, crc, body)
       SELECT ?1, signal, received_at, ?2, points, ?3, ?4, crc, body FROM request WHERE id = ?5`,
    ),
    addDestination: statement('INSERT INTO destination (id, name) VALUES (?, ?)'),
    removeDestination: statement('DELETE FROM destination WHERE id = ?'),
    removeQueues: statement('DELETE FROM queue WHERE destination = ?'),
    removeSubscriptions: statement('DELETE FROM subscription WHERE destination = ?'),
    renameDestination: statement('UPDATE destination SET name = ? WHERE id = ?'),
    markPlaceholder: statement('UPDATE destination SET placeholder = ? WHERE id = ?'),
    addQueue: statement('INSERT INTO queue (destination, signal) VALUES (?, ?)'),
    writeQueue: statement(
      `UPDATE queue SET ${[...flowNames, ...levelNames].map((name) => `${name} = ?`).join(', ')} WHERE destination = ? AND signal = ?`,
    ),
    writeHour: statement(writeHourSql),
    clearSubscriptions: statement('DELETE FROM subscription WHERE destination = ? AND signal = ?'),
    addSubscription: statement('INSERT INTO subscription (destination, signal, first, last) VALUES (?, ?, ?, ?)'),
    writeState: statement('UPDATE state SET commits = ?, next_id = ? WHERE one = 1'),
    usedBytes: statement(
      'SELECT (page_count - freelist_count) * page_size AS bytes FROM pragma_page_count, pragma_freelist_count, pragma_page_size',
    ),
  };
}
