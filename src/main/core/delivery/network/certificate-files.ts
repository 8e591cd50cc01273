import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';

/** What a file is, to be read again when that changes; the same text for the same content, as far as the system tells. */
export async function stampOf(file: string): Promise<string> {
  try {
    const { dev, ino, size, mtimeMs, ctimeMs } = await stat(file);
    return [dev, ino, size, mtimeMs, ctimeMs].join(' ');
  } catch {
    return 'unreadable';
  }
}

/** A file that cannot be used: which, what is wrong with it, and what to do. */
export interface FileMistake {
  readonly kind: 'mistake';
  readonly message: string;
}

export interface Authorities {
  readonly kind: 'authorities';
  /** PEM, one certificate after the other. */
  readonly pem: string;
}

/** The certificates of `caFile`. Never rejects. */
export async function readAuthorities(file: string): Promise<Authorities | FileMistake> {
  const certificates = await readCertificates(file, 'caFile');
  return certificates.kind === 'mistake' ? certificates : { kind: 'authorities', pem: certificates.pems.join('\n') };
}

export interface Identity {
  readonly kind: 'identity';
  /** PEM: our certificate, then its chain. */
  readonly cert: string;
  readonly key: string;
}

/** The certificate of `clientCert` and the key that belongs to it. Never rejects. */
export async function readIdentity(certFile: string, keyFile: string | undefined): Promise<Identity | FileMistake> {
  const certificates = await readCertificates(certFile, 'clientCert');
  if (certificates.kind === 'mistake') return certificates;
  const key = await readKey(keyFile ?? certFile, keyFile === undefined ? 'clientCert' : 'clientKey');
  if (key.kind === 'mistake') return key;
  const [own] = certificates.pems;
  if (own === undefined || !new X509Certificate(own).checkPrivateKey(key.object)) {
    return mistake(
      'clientKey',
      keyFile ?? certFile,
      `does not belong to the certificate in ${certFile} (its first one has to be our own)`,
      'Put the key there that the certificate was made for',
    );
  }
  return { kind: 'identity', cert: certificates.pems.join('\n'), key: key.pem };
}

type Key = 'caFile' | 'clientCert' | 'clientKey';

async function readCertificates(
  file: string,
  key: Key,
): Promise<{ readonly kind: 'certificates'; readonly pems: readonly string[] } | FileMistake> {
  const reading = await readText(file, key);
  if (reading.kind === 'mistake') return reading;
  const { text } = reading;
  const pems = text.match(
    /-----BEGIN (?:X509 |TRUSTED )?CERTIFICATE-----[^-]*-----END (?:X509 |TRUSTED )?CERTIFICATE-----/g,
  );
  if (pems === null) {
    return text.startsWith('0\u0082')
      ? mistake(
          key,
          file,
          'is in DER form',
          `Convert it to PEM: openssl x509 -inform der -in "${file}" -out "${file}.pem"`,
        )
      : mistake(key, file, 'holds no certificate in PEM form', 'It has to begin with -----BEGIN CERTIFICATE-----');
  }
  for (const [index, pem] of pems.entries()) {
    if (!isCertificate(pem)) {
      return mistake(
        key,
        file,
        `is damaged: its certificate ${index + 1} of ${pems.length} cannot be read`,
        'Copy it there anew',
      );
    }
  }
  return { kind: 'certificates', pems };
}

async function readKey(
  file: string,
  key: Key,
): Promise<{ readonly kind: 'key'; readonly pem: string; readonly object: KeyObject } | FileMistake> {
  const reading = await readText(file, key);
  if (reading.kind === 'mistake') return reading;
  const [pem] = /-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?-----END [A-Z ]*PRIVATE KEY-----/.exec(reading.text) ?? [];
  if (pem === undefined) {
    const where =
      key === 'clientCert'
        ? 'Put it there, or name its file in clientKey'
        : 'It has to begin with -----BEGIN PRIVATE KEY-----';
    return mistake(key, file, 'holds no private key in PEM form', where);
  }
  if (/BEGIN ENCRYPTED|^Proc-Type: 4,ENCRYPTED/m.test(pem)) {
    return mistake(
      key,
      file,
      'is encrypted, and there is nobody to ask for its passphrase',
      `Write it anew without one, readable by this user only: openssl pkey -in "${file}" -out "${file}.plain"`,
    );
  }
  try {
    return { kind: 'key', pem, object: createPrivateKey(pem) };
  } catch {
    return mistake(key, file, 'is damaged: its key cannot be read', 'Copy it there anew');
  }
}

function isCertificate(pem: string): boolean {
  try {
    return new X509Certificate(pem).serialNumber !== '';
  } catch {
    return false;
  }
}

/** The largest bundles of all public authorities have half a MiB. */
const maxFileBytes = 8 * 2 ** 20;

async function readText(
  file: string,
  key: Key,
): Promise<{ readonly kind: 'text'; readonly text: string } | FileMistake> {
  try {
    const found = await stat(file);
    if (!found.isFile()) return mistake(key, file, 'is not a file', 'Name a file');
    if (found.size > maxFileBytes) return mistake(key, file, 'is too large for certificates', 'Name the right file');
    // One character for one byte: what is not PEM stays recognisable.
    return { kind: 'text', text: await readFile(file, 'latin1') };
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown';
    return code === 'ENOENT' || code === 'ENOTDIR'
      ? mistake(key, file, 'does not exist', 'Put it there')
      : mistake(key, file, `cannot be read (${code})`, 'Give this user the right to read it');
  }
}

function mistake(key: Key, file: string, is: string, remedy: string): FileMistake {
  return {
    kind: 'mistake',
    message: `The file ${file}, which ${key} names, ${is}. ${remedy}, or correct ${key} in the config.`,
  };
}
