import { type Child, startProgram } from './children.ts';

/** A stand-in for a vendor in a process of its own. */
export interface Vendor extends AsyncDisposable {
  readonly url: string;
  /** What it answers from now on. */
  answer(status: 200 | 503): Promise<void>;
  /** How many export requests it has answered with 200, and when it first did, on `performance.timeOrigin`'s scale. */
  count(): Promise<{ readonly answered: number; readonly firstAt: number | null }>;
}

/** `grpc-vendor` takes everything and knows none of the questions. */
export async function startVendor(program: 'vendor' | 'grpc-vendor' = 'vendor'): Promise<Vendor> {
  const child: Child = startProgram(program);
  const [, port] = await child.line(/^(\d+)$/);
  const url = `http://127.0.0.1:${port}`;
  return {
    url,
    async answer(status) {
      await fetch(`${url}/answer/${status}`);
    },
    async count() {
      const response = await fetch(`${url}/count`);
      return (await response.json()) as { answered: number; firstAt: number | null };
    },
    [Symbol.asyncDispose]: () => child[Symbol.asyncDispose](),
  };
}
