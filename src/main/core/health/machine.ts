import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { arch, hostname, release, type } from 'node:os';
import { join } from 'node:path';
import type { MachineFacts } from '../../../shared/health.ts';
import type { Log } from '../log.ts';
import { writePrivateFile } from '../policy/private-file.ts';

const uuid = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** What machine this is. Its id is random and kept in the state folder; where it cannot be kept it changes with every start. */
export async function gatherMachineFacts(options: {
  readonly stateDir: string;
  readonly relayVersion: string;
  readonly log: Log;
}): Promise<MachineFacts> {
  return {
    id: await machineId(join(options.stateDir, 'machine-id'), options.log),
    hostname: hostname(),
    os: `${type()} ${release()}`,
    arch: arch(),
    relayVersion: options.relayVersion,
    managedBy: null,
  };
}

async function machineId(file: string, log: Log): Promise<string> {
  const kept = await readFile(file, 'utf8').catch(() => '');
  if (uuid.test(kept.trim())) return kept.trim();
  const fresh = randomUUID();
  try {
    await writePrivateFile(file, `${fresh}\n`);
  } catch (error) {
    log.warn('the machine id cannot be kept', { file, error: String(error) });
  }
  return fresh;
}
