import { DatabaseSync } from 'node:sqlite';
import { parentPort, workerData } from 'node:worker_threads';

/** Reads the whole spool beside the one writer and says what is wrong with it: undefined when nothing is. */
const path = String(workerData);

function findDamage(): string | undefined {
  let db: DatabaseSync | undefined;
  try {
    db = new DatabaseSync(path, { readOnly: true, timeout: 1000 });
    const verdict = String(db.prepare('PRAGMA quick_check(1)').get()?.quick_check ?? 'ok');
    return verdict === 'ok' ? undefined : verdict;
  } catch (error) {
    const corrupt = error instanceof Error && /malformed|not a database/.test(error.message);
    return corrupt ? error.message : undefined;
  } finally {
    db?.close();
  }
}

parentPort?.postMessage(findDamage());
