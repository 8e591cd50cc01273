import type { PeerCertificate } from 'node:tls';
import type { FailureReason } from './transport.ts';

/** What was known when a request failed. */
export interface FailureScene {
  /** Host and port, as in the address. */
  readonly host: string;
  readonly hostname: string;
  /** The connection stood (for https: after the handshake). */
  readonly connected: boolean;
  /** The other side's certificate, where it showed one. */
  readonly certificate: Partial<PeerCertificate> | undefined;
  /** Wall time in milliseconds: certificates expire by it. */
  readonly now: number;
}

export interface FailureWords {
  readonly reason: FailureReason;
  readonly code: string;
  readonly message: string;
}

/** Puts an error of node:http, node:net or node:tls into words that say what to do. Quotes nothing of the request. */
export function describeFailure(error: unknown, scene: FailureScene): FailureWords {
  const code = errorCode(error);
  const message = dnsWords(code, scene.hostname);
  if (message !== undefined) return { reason: 'dns', code, message };
  const distrust = tlsWords(code, scene);
  if (distrust !== undefined) return { reason: 'tls', code, message: distrust };
  if (code.startsWith('HPE_')) {
    return {
      reason: 'garbage',
      code,
      message: `What answers at ${scene.host} does not speak HTTP. Check the endpoint.`,
    };
  }
  if (scene.connected) {
    return {
      reason: 'reset',
      code,
      message: `${scene.host} broke the connection off before it had answered (${code}).`,
    };
  }
  return { reason: 'connect', code, message: connectWords(code, scene.host) };
}

export function errorCode(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : 'UNKNOWN';
}

function dnsWords(code: string, hostname: string): string | undefined {
  switch (code) {
    case 'ENOTFOUND':
    case 'ENODATA':
      return `The name ${hostname} cannot be found. Check the endpoint's spelling, and whether this network or a VPN knows it.`;
    case 'EAI_AGAIN':
    case 'EAI_FAIL':
    case 'EAI_NODATA':
    case 'EAI_NONAME':
      return `The name ${hostname} cannot be looked up (${code}): is this machine offline?`;
    default:
      return undefined;
  }
}

function connectWords(code: string, host: string): string {
  switch (code) {
    case 'ECONNREFUSED':
      return `${host} refuses the connection: nothing listens there. Check the endpoint and its port.`;
    case 'ENETUNREACH':
    case 'EHOSTUNREACH':
    case 'EADDRNOTAVAIL':
    case 'ENETDOWN':
      return `There is no way to ${host} from this network (${code}): is this machine offline, or off the VPN?`;
    case 'ETIMEDOUT':
      return `${host} does not answer the attempt to connect: a firewall may be in between.`;
    case 'ECONNRESET':
    case 'EPIPE':
      return `${host} breaks the connection off while it is made (${code}): a firewall or proxy may be in between.`;
    default:
      return `No connection to ${host} (${code}).`;
  }
}

function tlsWords(code: string, { host, certificate, now }: FailureScene): string | undefined {
  const clock = `this machine's clock says ${new Date(now).toISOString()}`;
  switch (code) {
    case 'CERT_HAS_EXPIRED':
      return `The certificate of ${host} has expired${on(certificate?.valid_to)}. If that is not so, correct the date: ${clock}.`;
    case 'CERT_NOT_YET_VALID':
      return `The certificate of ${host} is not valid yet${from(certificate?.valid_from)}. Correct the date of this machine if it is wrong: ${clock}.`;
    case 'ERR_TLS_CERT_ALTNAME_INVALID':
      return `The certificate of ${host} is for another name: ${namesOf(certificate)}. Correct the endpoint.`;
    case 'DEPTH_ZERO_SELF_SIGNED_CERT':
    case 'SELF_SIGNED_CERT_IN_CHAIN':
    case 'UNABLE_TO_GET_ISSUER_CERT':
    case 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY':
    case 'UNABLE_TO_VERIFY_LEAF_SIGNATURE':
    case 'CERT_UNTRUSTED':
    case 'INVALID_CA':
      return `The certificate of ${host} was issued by ${issuerOf(certificate)}, which this machine does not trust. If a proxy of your company opens connections, IT has to add its certificate authority.`;
    case 'CERT_REVOKED':
    case 'CERT_REJECTED':
    case 'CERT_SIGNATURE_FAILURE':
    case 'CERT_CHAIN_TOO_LONG':
    case 'PATH_LENGTH_EXCEEDED':
    case 'INVALID_PURPOSE':
    case 'HOSTNAME_MISMATCH':
      return `The certificate of ${host} is not valid (${code}).`;
    case 'EPROTO':
      return `${host} does not speak TLS as expected. Does it take http instead of https, or a newer TLS version?`;
    default:
      return /^ERR_(SSL|TLS)_/.test(code)
        ? `No secure connection to ${host} (${code}). Does it take http instead of https, or a newer TLS version?`
        : undefined;
  }
}

function on(date: string | undefined): string {
  return date === undefined ? '' : ` on ${date}`;
}

function from(date: string | undefined): string {
  return date === undefined ? '' : ` (from ${date})`;
}

const maxNames = 5;

function namesOf(certificate: Partial<PeerCertificate> | undefined): string {
  const names = (certificate?.subjectaltname ?? '')
    .split(', ')
    .map((name) => name.replace(/^(DNS|IP Address):/, ''))
    .filter((name) => name !== '');
  if (names.length === 0) return text(certificate?.subject?.CN) ?? 'it names none';
  return names.slice(0, maxNames).join(', ') + (names.length > maxNames ? ', …' : '');
}

function issuerOf(certificate: Partial<PeerCertificate> | undefined): string {
  const issuer = certificate?.issuer;
  return text(issuer?.CN) ?? text(issuer?.O) ?? 'an unknown authority';
}

/** A certificate is somebody else's text: bounded, and one line. Node gives a list where a name occurs twice. */
function text(value: unknown): string | undefined {
  const first: unknown = Array.isArray(value) ? value[0] : value;
  if (typeof first !== 'string' || first === '') return undefined;
  return `"${first.replace(/[\p{C}\s]+/gu, ' ').slice(0, 100)}"`;
}
