import { join } from 'node:path';
import { runProgram } from './children.ts';
import { type Folder, freeBytes, temporaryFolder } from './folder.ts';
import { payloadFile } from './load.ts';

/** More than a stored request takes, with room for what comes later. */
const bytesPerRequest = 6_000;

export interface Filled {
  readonly stored: number;
  readonly diskBytes: number;
}

/** A folder whose spool holds so many requests, put there directly. Rejects when the disk has no room for it. */
export async function filledFolder(requests: number): Promise<Folder & Filled> {
  const needed = requests * bytesPerRequest;
  const free = await freeBytes();
  if (needed > free) throw new Error(`${requests} requests need ${needed} bytes of disk, ${free} are free.`);
  const folder = await temporaryFolder();
  try {
    return { ...folder, ...(await fill(folder, requests)) };
  } catch (error) {
    await folder[Symbol.asyncDispose]();
    throw error;
  }
}

export function fill(folder: Folder, requests: number): Promise<Filled> {
  return runProgram('spool', [join(folder.path, 'state'), payloadFile, requests], 180_000);
}
