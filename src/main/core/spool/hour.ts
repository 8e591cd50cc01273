import { flowNames } from './queue.ts';

export const hourMs = 3_600_000;

/** Adds flows to the row of an hour (its start), destination id and signal. */
export const writeHourSql = `INSERT INTO hour (hour, destination, signal, ${flowNames.join(', ')}) VALUES (?, ?, ?, ${flowNames.map(() => '?').join(', ')})
  ON CONFLICT DO UPDATE SET ${flowNames.map((name) => `${name} = ${name} + excluded.${name}`).join(', ')}`;
