import { DatabaseSync } from 'node:sqlite';
import { parentPort, workerData } from 'node:worker_threads';
import { classifyFault } from './database.ts';

/** Reads the whole spool beside the one writer and says what is wrong with it: undefined when nothing is. */
const path = String(workerData);

function findDamage(): string | undefined {
  let db: DatabaseSync | undefined;
  try {
    db = new DatabaseSync(path, { readOnly: true, timeout: 1000 });
    const verdict = String(db.prepare('PRAGMA quick_check(1)').get()?.quick_check ?? 'ok');
    return verdict === 'ok' ? undefined : verdict;
  } catch (error) {
    return classifyFault(error) === 'damaged' ? String(error) : undefined;
  } finally {
    db?.close();
  }
}

parentPort?.postMessage(findDamage());
