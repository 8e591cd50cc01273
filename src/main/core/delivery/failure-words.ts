import type { NetworkSettings } from './network/network-settings.ts';
import { tlsWords } from './network/tls-words.ts';
import type { FailureReason } from './transport.ts';

/** Of whom a failure is told: the destination, or a proxy on the way to it. */
export interface Party {
  /** In the middle of a sentence: `api.example.com`, `the proxy proxy.example.com:3128`. Never holds a login. */
  readonly name: string;
  readonly hostname: string;
  /** What to check when it is not there: `the endpoint`, `the variable HTTPS_PROXY`. */
  readonly setting: string;
}

/** What was known when a connection failed. */
export interface FailureScene extends Party {
  /** The connection stood (for https: after the handshake). */
  readonly connected: boolean;
  /** It was plain, and has never answered: whoever takes only TLS breaks off without a word. */
  readonly mayWantTls?: boolean;
  /** By which protocol we meant to speak: `http/1.1` or `h2`. */
  readonly alpn?: string;
  /** For TLS. */
  readonly handshake?: HandshakeScene;
}

/** What a TLS handshake was about. */
export interface HandshakeScene {
  /** What the other side showed, its own certificate first; empty where it showed none. */
  readonly chain: readonly ShownCertificate[];
  /** Wall time in milliseconds: certificates expire by it. */
  readonly now: number;
  /** The file of the authorities that are trusted besides the usual ones. */
  readonly caFile?: string;
  /** The file of the certificate that we show. */
  readonly clientCert?: string;
}

/** What a person is told of a certificate. All of it is somebody else's text. */
export interface ShownCertificate {
  readonly subject: string;
  readonly issuer: string;
  /** The names that it is for. */
  readonly names: readonly string[];
  readonly validFrom: string;
  readonly validTo: string;
  readonly selfSigned: boolean;
  /** It says where its issuer's certificate can be had, as those of public authorities do. */
  readonly namesIssuerSource: boolean;
}

export interface FailureWords {
  readonly reason: FailureReason;
  readonly code: string;
  readonly message: string;
}

/** Puts an error of node:http, node:net or node:tls into words that say what to do. Quotes nothing of the request. */
export function describeFailure(error: unknown, scene: FailureScene): FailureWords {
  const code = errorCode(error);
  const dns = dnsWords(code, scene);
  if (dns !== undefined) return { reason: 'dns', code, message: dns };
  const tls = tlsWords(code, scene);
  if (tls !== undefined) return { ...tls, code };
  if (code.startsWith('HPE_')) return { ...parseWords(firstBytes(error), scene), code };
  if (scene.connected) {
    const message = capital(`${scene.name} broke the connection off before it had answered (${code}).${hint(scene)}`);
    return { reason: 'reset', code, message };
  }
  return { reason: 'connect', code, message: capital(connectWords(code, scene)) };
}

/** A connection to a destination that stood, and ended before there was an answer. */
export interface Broken {
  readonly url: URL;
  readonly network: NetworkSettings;
  /** Wall time in milliseconds. */
  readonly now: number;
  readonly mayWantTls: boolean;
}

/** As `describeFailure`, of a connection that stood. */
export function describeBreak(error: unknown, { url, network, now, mayWantTls }: Broken): FailureWords {
  const { caFile, clientCert } = network;
  const files = { ...(caFile === undefined ? {} : { caFile }), ...(clientCert === undefined ? {} : { clientCert }) };
  return describeFailure(error, {
    name: url.host,
    hostname: url.hostname,
    setting: 'the endpoint',
    connected: true,
    mayWantTls,
    handshake: { chain: [], now, ...files },
  });
}

export function errorCode(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : 'UNKNOWN';
}

/** For the start of a sentence; a host's name keeps its own. */
export function capital(words: string): string {
  return words.replace(/^the /, 'The ');
}

export function seconds(ms: number): string {
  return `${Math.round(ms / 100) / 10} s`;
}

/** What may be behind a connection that breaks off without a word. */
function hint({ handshake, mayWantTls }: FailureScene): string {
  if (mayWantTls === true) return ' Does it take https instead of http?';
  return handshake?.clientCert === undefined
    ? ''
    : ` It may not accept the client certificate ${handshake.clientCert}.`;
}

function dnsWords(code: string, { hostname, setting }: Party): string | undefined {
  switch (code) {
    case 'ENOTFOUND':
    case 'ENODATA':
      return `The name ${hostname} cannot be found. Check the spelling in ${setting}, and whether this network or a VPN knows it.`;
    case 'EAI_AGAIN':
    case 'EAI_FAIL':
    case 'EAI_NODATA':
    case 'EAI_NONAME':
      return `The name ${hostname} cannot be looked up (${code}): is this machine offline?`;
    default:
      return undefined;
  }
}

function connectWords(code: string, { name, setting }: Party): string {
  switch (code) {
    case 'ECONNREFUSED':
      return `${name} refuses the connection: nothing listens there. Check ${setting} and its port.`;
    case 'ENETUNREACH':
    case 'EHOSTUNREACH':
    case 'EADDRNOTAVAIL':
    case 'ENETDOWN':
      return `There is no way to ${name} from this network (${code}): is this machine offline, or off the VPN?`;
    case 'ETIMEDOUT':
      return `${name} does not answer the attempt to connect: a firewall may be in between.`;
    case 'ECONNRESET':
    case 'EPIPE':
      return `${name} breaks the connection off while it is made (${code}): a firewall or proxy may be in between.`;
    default:
      return `No connection to ${name} (${code}).`;
  }
}

/** What llhttp could not read, where Node says. */
function firstBytes(error: unknown): Buffer {
  const raw: unknown = error instanceof Error && 'rawPacket' in error ? error.rawPacket : undefined;
  return Buffer.isBuffer(raw) ? raw : Buffer.alloc(0);
}

function parseWords(bytes: Buffer, { name, setting }: Party): Omit<FailureWords, 'code'> {
  if (isHttp2(bytes)) {
    const message = `${name} speaks HTTP/2 only, as gRPC does. Set the protocol of this destination to grpc, or use the port for OTLP over HTTP (commonly 4318).`;
    return { reason: 'other-protocol', message: capital(message) };
  }
  if (isTlsAlert(bytes)) {
    return { reason: 'takes-tls', message: capital(`${name} takes https, not http. Correct ${setting}.`) };
  }
  return { reason: 'garbage', message: `What answers at ${name} does not speak HTTP. Check ${setting}.` };
}

/** A server that speaks HTTP/2 without being asked begins with a SETTINGS frame: RFC 9113, sections 3.4 and 4.1. */
function isHttp2(bytes: Buffer): boolean {
  return bytes.length >= 9 && bytes[0] === 0 && bytes[3] === 4 && bytes.subarray(5, 9).every((byte) => byte === 0);
}

/** A TLS alert record: RFC 8446, section 5.1. */
function isTlsAlert(bytes: Buffer): boolean {
  return bytes[0] === 0x15 && bytes[1] === 0x03;
}
