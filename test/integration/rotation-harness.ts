import { rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import type { Protocol } from '../../src/main/core/delivery/destination.ts';
import { type CredentialSource, credentialSources } from '../../src/shared/health-facts.ts';
import { refused, startGrpcVendor, taken } from '../support/grpc-vendor.ts';
import { numbersIn } from '../support/numbered-requests.ts';
import { makeHome, type RelayHome } from '../support/relay.ts';
import { ok, startVendor, status, type VendorRequest } from '../support/vendor.ts';

export const credentialHeader = 'x-ingest-token';

/** A vendor that takes one token, and refuses the one before from one moment to the next. */
export interface RotatingVendor {
  readonly url: string;
  /** How often each number was in a request that was answered as taken. */
  readonly arrivals: ReadonlyMap<number, number>;
  /** Requests that were refused for their token. */
  readonly refusals: number;
  /** The only token that it takes from now on; undefined: none. */
  rotateTo(token: string | undefined): void;
  /** Whether something has arrived with this token. */
  hasTakenWith(token: string): boolean;
}

export async function startRotatingVendor(protocol: Protocol): Promise<RotatingVendor> {
  const arrivals = new Map<number, number>();
  const usedTokens = new Set<string>();
  let valid: string | undefined;
  let refusals = 0;

  function takes({ headers, body }: VendorRequest): boolean {
    if (valid === undefined || headers[credentialHeader] !== valid) {
      refusals++;
      return false;
    }
    usedTokens.add(valid);
    for (const number of numbersIn(body)) arrivals.set(number, (arrivals.get(number) ?? 0) + 1);
    return true;
  }
  const vendor =
    protocol === 'grpc'
      ? await startGrpcVendor({
          answer: (request) => (takes(request) ? taken() : refused('UNAUTHENTICATED', 'unknown token')),
        })
      : await startVendor({
          record: false,
          answer: (request) => (takes(request) ? ok() : status(401, {}, 'unknown token')),
        });
  onTestFinished(() => vendor.stop());
  return {
    url: vendor.url,
    arrivals,
    get refusals() {
      return refusals;
    },
    rotateTo(token) {
      valid = token;
    },
    hasTakenWith: (token) => usedTokens.has(token),
  };
}

/** Where a relay gets its tokens from, each to be changed by itself. */
export interface TokenSources {
  readonly home: RelayHome;
  /** For the relay's command line. */
  readonly args: readonly string[];
  /** What Claude Code puts into its requests: some sessions are older than the last rotation. */
  presented(session: number): Readonly<Record<string, string>>;
  put(source: CredentialSource, token: string): Promise<void>;
}

export async function makeTokenSources(destination: {
  readonly endpoint: string;
  readonly protocol: Protocol;
  readonly listen: { readonly http: number; readonly grpc: number };
}): Promise<TokenSources> {
  const { endpoint, protocol, listen } = destination;
  const home = await makeHome();
  onTestFinished(() => home[Symbol.asyncDispose]());
  const policyFile = join(home.folder, 'policy.json');
  const tokenFile = join(home.folder, 'token');
  let presented: readonly string[] = [];

  async function replace(file: string, text: string): Promise<void> {
    await writeFile(`${file}.new`, text, { mode: 0o600 });
    await rename(`${file}.new`, file);
  }
  const writeConfig = (token?: string) =>
    home.writeConfig({
      listen,
      destinations: [{ name: 'vendor', endpoint, protocol, credentialHeader, tokenFile, ...(token && { token }) }],
    });
  await writeConfig();
  return {
    home,
    args: ['--policy', policyFile],
    presented(session) {
      const token = presented[session % presented.length];
      return token === undefined ? {} : { [credentialHeader]: token };
    },
    async put(source, token) {
      switch (source) {
        case 'policy':
          return replace(policyFile, JSON.stringify({ destinations: [{ name: 'vendor', token }] }));
        case 'config':
          return writeConfig(token);
        case 'file':
          return replace(tokenFile, `${token}\n`);
        case 'presented':
          presented = [token, ...presented].slice(0, 3);
      }
    },
  };
}

/** Each source in turn, so many times; every token is new. */
export function rotations(rounds: number): readonly Rotation[] {
  return Array.from({ length: rounds }, (_, round) =>
    credentialSources.map((source) => ({ round, source, token: `token-${round}-of-${source}` })),
  ).flat();
}

interface Rotation {
  readonly round: number;
  readonly source: CredentialSource;
  readonly token: string;
}
