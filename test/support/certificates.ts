import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

export interface TestCertificates {
  /** PEM of the authority that issued all but those that say otherwise; named `issuer`. */
  readonly authority: string;
  readonly issuer: string;
  /** For localhost, vendor.test, 127.0.0.1 and ::1. */
  readonly good: KeyPair;
  /** For other.test. */
  readonly wrongName: KeyPair;
  /** For localhost, in 2020. */
  readonly expired: KeyPair;
  /** For localhost, from 2090. */
  readonly future: KeyPair;
  /** For localhost, issued by itself. */
  readonly selfSigned: KeyPair;
  /** For localhost, issued by an authority under `authority`; `cert` is without that one's certificate, as it should not be. */
  readonly incomplete: KeyPair;
  /** What `incomplete` lacks: PEM. */
  readonly intermediate: string;
  /** For localhost, issued by what opens TLS connections in a company. */
  readonly intercepted: KeyPair;
  /** PEM of that authority; named `companyIssuer`. */
  readonly companyAuthority: string;
  readonly companyIssuer: string;
  /** For clients. */
  readonly client: KeyPair;
  /** Of 2020. */
  readonly expiredClient: KeyPair;
  /** Issued by nobody whom anybody knows. */
  readonly strangeClient: KeyPair;
  /** The key of `client`, encrypted. */
  readonly encryptedKey: string;
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

const ecKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
const always = ['20200101000000Z', '20900101000000Z'] as const;
const localhost = 'subjectAltName=DNS:localhost,DNS:vendor.test,IP:127.0.0.1,IP:::1';
const client = 'extendedKeyUsage=clientAuth';

/** Made anew for each test run, so that no private key is ever kept. */
export async function makeCertificates(): Promise<TestCertificates> {
  const folder = await mkdtemp(join(tmpdir(), 'span-relay-certificates-'));
  const openssl = (...args: string[]) => run('openssl', args, { cwd: folder });
  const read = (name: string) => readFile(join(folder, name), 'utf8');
  const pair = async (name: string): Promise<KeyPair> => ({
    key: await read(`${name}.key`),
    cert: await read(`${name}.pem`),
  });

  async function byItself(name: string, subject: string, ...more: string[]): Promise<KeyPair> {
    const files = ['-keyout', `${name}.key`, '-out', `${name}.pem`];
    await openssl('req', '-x509', ...ecKey, ...files, '-days', '2', '-subj', subject, ...more);
    return pair(name);
  }

  async function issue(
    name: string,
    issuer: string,
    subject: string,
    extensions: string,
    [from, to]: readonly [string, string] = always,
  ): Promise<KeyPair> {
    const config = `[v3]\n${extensions}\n[ca]\ndefault_ca=own\n[own]\ndatabase=index\nnew_certs_dir=.\nrand_serial=yes\ndefault_md=sha256\npolicy=any\n[any]\ncommonName=supplied\n`;
    await writeFile(join(folder, `${name}.cnf`), config);
    await openssl('req', '-new', ...ecKey, '-keyout', `${name}.key`, '-out', `${name}.csr`, '-subj', subject);
    await openssl(
      ...['ca', '-batch', '-notext', '-config', `${name}.cnf`, '-extensions', 'v3'],
      ...['-cert', `${issuer}.pem`, '-keyfile', `${issuer}.key`],
      ...['-startdate', from, '-enddate', to, '-in', `${name}.csr`, '-out', `${name}.pem`],
    );
    return pair(name);
  }

  try {
    await writeFile(join(folder, 'index'), '');
    await writeFile(join(folder, 'index.attr'), 'unique_subject = no\n');
    const issuer = 'Span Relay Test Authority';
    const companyIssuer = 'Zscaler Root CA of Example Inc';
    const { cert: authority } = await byItself('ca', `/CN=${issuer}`);
    const { cert: companyAuthority } = await byItself('company', `/CN=${companyIssuer}`);
    const intermediate = await issue(
      'middle',
      'ca',
      '/CN=Span Relay Test Intermediate',
      'basicConstraints=critical,CA:TRUE',
    );
    const long2020 = ['20200101000000Z', '20200201000000Z'] as const;
    const goodClient = await issue('client', 'ca', '/CN=laptop-17', client);
    await openssl('pkey', '-in', 'client.key', '-aes256', '-passout', 'pass:secret', '-out', 'encrypted.key');
    return {
      authority,
      issuer,
      good: await issue('good', 'ca', '/CN=localhost', localhost),
      wrongName: await issue('wrong', 'ca', '/CN=other.test', 'subjectAltName=DNS:other.test'),
      expired: await issue('expired', 'ca', '/CN=localhost', localhost, long2020),
      future: await issue('future', 'ca', '/CN=localhost', localhost, ['20900101000000Z', '20910101000000Z']),
      selfSigned: await byItself('self', '/CN=localhost', '-addext', localhost),
      incomplete: await issue(
        'incomplete',
        'middle',
        '/CN=localhost',
        `${localhost}\nauthorityInfoAccess=caIssuers;URI:http://pki.example.com/middle.crt`,
      ),
      intermediate: intermediate.cert,
      intercepted: await issue('intercepted', 'company', '/CN=localhost', localhost),
      companyAuthority,
      companyIssuer,
      client: goodClient,
      expiredClient: await issue('expired-client', 'ca', '/CN=laptop-18', client, long2020),
      strangeClient: await byItself('stranger', '/CN=laptop-19', '-addext', client),
      encryptedKey: await read('encrypted.key'),
    };
  } finally {
    await rm(folder, { recursive: true });
  }
}
