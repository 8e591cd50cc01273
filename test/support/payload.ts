import { randomBytes, seededRandom } from './random.ts';

/** `length` bytes that differ from one request to the next. */
export function payload(seed: number, length: number): Uint8Array {
  return randomBytes(seededRandom(seed), length);
}
