import { assertNever } from '../../../shared/assert-never.ts';
import type { Batch, Settlement } from '../spool/spool.ts';
import type { AnswerError, BlockedVerdict, RetryVerdict, Verdict } from './classify.ts';

/** What `deliverBatch` needs done. */
export interface BatchSteps {
  send(body: Uint8Array): Promise<Verdict>;
  /** The destination has it, and rejected some of it for good: never more than was sent. */
  taken(rejectedPoints: number, message: string): void;
  settle(settlement: Settlement): Promise<void>;
  /** Several requests of this size together were called too large. */
  tooLarge(bytes: number): void;
}

interface Range {
  /** Indices into the batch's requests; `end` is not in it. */
  readonly start: number;
  readonly end: number;
}

/**
 * Sends a batch and settles all of it, in order. What the destination refuses is halved until the guilty requests are found
 * and set aside; the others are delivered. With `n` requests, of which `k` are guilty, it takes about `2k·log2(n/k)` sends,
 * and never more than `2n`.
 *
 * @returns undefined when everything is settled; else the verdict that stopped it: what is not settled is still in flight.
 */
export async function deliverBatch(
  batch: Batch,
  steps: BatchSteps,
): Promise<RetryVerdict | BlockedVerdict | undefined> {
  // A stack whose top is the oldest range, so that halves are sent in order.
  const ranges: Range[] = [{ start: 0, end: batch.requests.length }];
  for (let range = ranges.pop(); range !== undefined; range = ranges.pop()) {
    const requests = batch.requests.slice(range.start, range.end);
    const first = requests[0];
    const last = requests.at(-1);
    if (first === undefined || last === undefined) continue;
    const body = batch.body.subarray(first.offset, last.offset + last.length);
    const verdict = await steps.send(body);
    switch (verdict.kind) {
      case 'delivered': {
        const points = requests.reduce((sum, request) => sum + request.points, 0);
        const rejectedPoints = Math.min(points, Math.max(0, verdict.rejectedPoints));
        steps.taken(rejectedPoints, verdict.message);
        await steps.settle({ outcome: 'delivered', upTo: last.id, rejectedPoints });
        break;
      }
      case 'too-large':
      case 'malformed':
        if (requests.length === 1) {
          await steps.settle(quarantined(first.id, verdict.error));
        } else {
          if (verdict.kind === 'too-large') steps.tooLarge(body.length);
          const middle = range.start + (requests.length >> 1);
          ranges.push({ start: middle, end: range.end }, { start: range.start, end: middle });
        }
        break;
      case 'retry':
      case 'blocked':
        return verdict;
      default:
        return assertNever(verdict);
    }
  }
  return undefined;
}

function quarantined(id: number, { status, message }: AnswerError): Settlement {
  return { outcome: 'quarantined', upTo: id, status, message };
}
