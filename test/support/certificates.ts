import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

export interface TestCertificates {
  /** PEM of the authority that issued them all; named `issuer`. */
  readonly authority: string;
  readonly issuer: string;
  /** For localhost. */
  readonly good: KeyPair;
  /** For other.test. */
  readonly wrongName: KeyPair;
  /** For localhost, in 2020. */
  readonly expired: KeyPair;
  /** For localhost, from 2090. */
  readonly future: KeyPair;
}

export interface KeyPair {
  readonly key: string;
  readonly cert: string;
}

/** Why certificates cannot be made here; undefined where they can. */
export async function noCertificatesBecause(): Promise<string | undefined> {
  return run('openssl', ['version']).then(
    () => undefined,
    () => 'openssl is not installed',
  );
}

/** Made anew for each test run, so that no private key is ever kept. */
export async function makeCertificates(): Promise<TestCertificates> {
  const folder = await mkdtemp(join(tmpdir(), 'span-relay-certificates-'));
  const openssl = (...args: string[]) => run('openssl', args, { cwd: folder });
  const issuer = 'Span Relay Test Authority';
  const ecKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  try {
    await openssl(
      'req',
      '-x509',
      ...ecKey,
      '-keyout',
      'ca.key',
      '-out',
      'ca.pem',
      '-days',
      '2',
      '-subj',
      `/CN=${issuer}`,
    );
    await writeFile(join(folder, 'index'), '');
    await writeFile(join(folder, 'index.attr'), 'unique_subject = no\n');
    const issue = async (file: string, name: string, from: string, to: string): Promise<KeyPair> => {
      const extensions = `[v3]\nsubjectAltName=DNS:${name}\n[ca]\ndefault_ca=own\n[own]\ndatabase=index\nnew_certs_dir=.\nrand_serial=yes\ndefault_md=sha256\npolicy=any\n[any]\ncommonName=supplied\n`;
      await writeFile(join(folder, `${file}.cnf`), extensions);
      await openssl('req', '-new', ...ecKey, '-keyout', `${file}.key`, '-out', `${file}.csr`, '-subj', `/CN=${name}`);
      await openssl(
        ...[
          'ca',
          '-batch',
          '-notext',
          '-config',
          `${file}.cnf`,
          '-extensions',
          'v3',
          '-cert',
          'ca.pem',
          '-keyfile',
          'ca.key',
        ],
        ...['-startdate', from, '-enddate', to, '-in', `${file}.csr`, '-out', `${file}.pem`],
      );
      return {
        key: await readFile(join(folder, `${file}.key`), 'utf8'),
        cert: await readFile(join(folder, `${file}.pem`), 'utf8'),
      };
    };
    return {
      authority: await readFile(join(folder, 'ca.pem'), 'utf8'),
      issuer,
      good: await issue('good', 'localhost', '20200101000000Z', '20900101000000Z'),
      wrongName: await issue('wrong', 'other.test', '20200101000000Z', '20900101000000Z'),
      expired: await issue('expired', 'localhost', '20200101000000Z', '20200201000000Z'),
      future: await issue('future', 'localhost', '20900101000000Z', '20910101000000Z'),
    };
  } finally {
    await rm(folder, { recursive: true });
  }
}
