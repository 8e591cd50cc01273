import type { DatabaseSync } from 'node:sqlite';

/**
 * The spool's tables, one step per schema version. A step that has shipped is never changed; a new one is added.
 *
 * `signal` is the index in `signals` (0 metrics, 1 logs, 2 traces). Times are wall milliseconds.
 * A destination is owed the rows of `request` behind its `queue.position` that one of its subscriptions covers
 * (`last` is null while the destination is configured) and that are not reserved for another one (`only_for`).
 */
const migrations: readonly string[] = [
  `
  CREATE TABLE state (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    commits INTEGER NOT NULL,
    next_id INTEGER NOT NULL
  );
  INSERT INTO state VALUES (1, 0, 1);
  CREATE TABLE destination (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    placeholder INTEGER NOT NULL DEFAULT 0
  );
  CREATE TABLE request (
    id INTEGER PRIMARY KEY,
    signal INTEGER NOT NULL,
    received_at INTEGER NOT NULL,
    points INTEGER NOT NULL,
    crc INTEGER NOT NULL,
    only_for INTEGER,
    body BLOB NOT NULL
  );
  CREATE INDEX request_by_signal ON request (signal);
  CREATE INDEX request_reserved ON request (only_for) WHERE only_for IS NOT NULL;
  CREATE TABLE queue (
    destination INTEGER NOT NULL,
    signal INTEGER NOT NULL,
    accepted INTEGER NOT NULL DEFAULT 0,
    delivered INTEGER NOT NULL DEFAULT 0,
    rejected INTEGER NOT NULL DEFAULT 0,
    quota INTEGER NOT NULL DEFAULT 0,
    age INTEGER NOT NULL DEFAULT 0,
    corruption INTEGER NOT NULL DEFAULT 0,
    discarded INTEGER NOT NULL DEFAULT 0,
    refused INTEGER NOT NULL DEFAULT 0,
    resent INTEGER NOT NULL DEFAULT 0,
    position INTEGER NOT NULL DEFAULT 0,
    in_flight_to INTEGER NOT NULL DEFAULT 0,
    in_flight_points INTEGER NOT NULL DEFAULT 0,
    pending_points INTEGER NOT NULL DEFAULT 0,
    pending_requests INTEGER NOT NULL DEFAULT 0,
    pending_bytes INTEGER NOT NULL DEFAULT 0,
    last_delivered_at INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (destination, signal)
  ) WITHOUT ROWID;
  CREATE TABLE subscription (
    destination INTEGER NOT NULL,
    signal INTEGER NOT NULL,
    first INTEGER NOT NULL,
    last INTEGER,
    PRIMARY KEY (destination, signal, first)
  ) WITHOUT ROWID;
  CREATE TABLE hour (
    hour INTEGER NOT NULL,
    destination INTEGER NOT NULL,
    signal INTEGER NOT NULL,
    accepted INTEGER NOT NULL DEFAULT 0,
    delivered INTEGER NOT NULL DEFAULT 0,
    rejected INTEGER NOT NULL DEFAULT 0,
    quota INTEGER NOT NULL DEFAULT 0,
    age INTEGER NOT NULL DEFAULT 0,
    corruption INTEGER NOT NULL DEFAULT 0,
    discarded INTEGER NOT NULL DEFAULT 0,
    refused INTEGER NOT NULL DEFAULT 0,
    resent INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (hour, destination, signal)
  ) WITHOUT ROWID;
  CREATE TABLE quarantine (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    destination INTEGER NOT NULL,
    signal INTEGER NOT NULL,
    received_at INTEGER NOT NULL,
    quarantined_at INTEGER NOT NULL,
    points INTEGER NOT NULL,
    status INTEGER NOT NULL,
    message TEXT NOT NULL,
    crc INTEGER NOT NULL,
    body BLOB NOT NULL
  );
  CREATE INDEX quarantine_by_destination ON quarantine (destination, points);
  CREATE TABLE repair (
    at INTEGER NOT NULL,
    reason TEXT NOT NULL,
    kept_in TEXT NOT NULL,
    salvaged_requests INTEGER NOT NULL,
    lost_points INTEGER NOT NULL,
    estimated INTEGER NOT NULL
  );
  `,
];

export const schemaVersion = migrations.length;

/** Brings the file to the current schema version. Throws when a newer relay wrote it. */
export function migrate(db: DatabaseSync): void {
  const version = Number(db.prepare('PRAGMA user_version').get()?.user_version ?? 0);
  if (version > schemaVersion) throw new NewerSchemaError(version);
  for (const [index, step] of migrations.entries()) {
    if (index < version) continue;
    db.exec(`BEGIN IMMEDIATE; ${step} PRAGMA user_version = ${index + 1}; COMMIT;`);
  }
}

export class NewerSchemaError extends Error {
  override readonly name = 'NewerSchemaError';

  constructor(version: number) {
    super(`the spool has schema version ${version}, this relay knows ${schemaVersion}: a newer relay wrote it`);
  }
}
