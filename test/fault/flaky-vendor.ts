import { numbersIn } from '../support/numbered-requests.ts';
import type { Random } from '../support/random.ts';
import { type AnswerScript, ok, startVendor, status, type Vendor } from '../support/vendor.ts';

/** A vendor stand-in that misbehaves at random, is killed and comes back, and counts what it was given. */
export interface FlakyVendor {
  readonly url: string;
  /** How often each number arrived. */
  readonly arrivals: ReadonlyMap<number, number>;
  /** What it did to requests, by name. */
  readonly deeds: Readonly<Record<Deed, number>>;
  /** From now on it takes everything. */
  behave(): void;
  /** Drops every connection and the port, as a process that dies. */
  crash(): Promise<void>;
  comeBack(): Promise<void>;
  stop(): Promise<void>;
}

type Deed = 'took' | 'refused' | 'tookAndReset' | 'resetUnread' | 'crashed';

export async function startFlakyVendor(random: Random): Promise<FlakyVendor> {
  const arrivals = new Map<number, number>();
  const deeds: Record<Deed, number> = { took: 0, refused: 0, tookAndReset: 0, resetUnread: 0, crashed: 0 };
  let behaves = false;

  const take = (body: Uint8Array): void => {
    for (const number of numbersIn(body)) arrivals.set(number, (arrivals.get(number) ?? 0) + 1);
  };
  const answer: AnswerScript = ({ body }) => {
    const chance = behaves ? 1 : random();
    if (chance < 0.1) {
      deeds.refused++;
      return status(503);
    }
    if (chance < 0.15) {
      deeds.resetUnread++;
      return { kind: 'reset' };
    }
    // From here on the vendor has the data, whatever the relay gets to hear of it.
    take(body);
    if (chance < 0.25) {
      deeds.tookAndReset++;
      return { kind: 'reset-mid-response', status: 200 };
    }
    deeds.took++;
    return ok();
  };

  let vendor: Vendor | undefined = await startVendor({ answer, record: false });
  const { port, url } = vendor;
  return {
    url,
    arrivals,
    deeds,
    behave() {
      behaves = true;
    },
    async crash() {
      deeds.crashed++;
      await vendor?.stop();
      vendor = undefined;
    },
    async comeBack() {
      vendor ??= await startVendor({ answer, record: false, port });
    },
    async stop() {
      await vendor?.stop();
    },
  };
}
