import type { FailureScene, FailureWords, HandshakeScene, ShownCertificate } from '../failure-words.ts';

/** The codes that stand for "nobody known has signed this": another set of authorities may know better. */
const distrust: readonly string[] = [
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'CERT_UNTRUSTED',
  'INVALID_CA',
];

export function isDistrust(code: string): boolean {
  return distrust.includes(code);
}

/** What went wrong with TLS, in words; undefined when the code is about something else. */
export function tlsWords(code: string, scene: FailureScene): Omit<FailureWords, 'code'> | undefined {
  const about = (message: string) => ({ reason: 'tls', message }) as const;
  const failed = (message: string) => ({ reason: 'tls-failed', message }) as const;
  const { name, setting, handshake = noHandshake } = scene;
  const [certificate] = handshake.chain;
  const clock = `this machine's clock says ${new Date(handshake.now).toISOString()}`;
  if (isDistrust(code)) return about(distrustWords(code, scene.name, handshake));
  switch (code) {
    case 'CERT_HAS_EXPIRED':
      return about(
        `The certificate of ${name} has expired${expiry(handshake)}. If that is not so, correct the date: ${clock}.`,
      );
    case 'CERT_NOT_YET_VALID':
      return about(
        `The certificate of ${name} is not valid yet${certificate === undefined ? '' : ` (from ${certificate.validFrom})`}. Correct the date of this machine if it is wrong: ${clock}.`,
      );
    case 'ERR_TLS_CERT_ALTNAME_INVALID':
    case 'HOSTNAME_MISMATCH':
      return {
        reason: 'tls-name',
        message: `The certificate of ${name} is for another name: ${namesOf(certificate)}. Correct ${setting}.`,
      };
    case 'CERT_REVOKED':
    case 'CERT_REJECTED':
    case 'CERT_SIGNATURE_FAILURE':
    case 'CERT_CHAIN_TOO_LONG':
    case 'PATH_LENGTH_EXCEEDED':
    case 'INVALID_PURPOSE':
      return about(`The certificate of ${name} is not valid (${code}).`);
    case 'ERR_SSL_WRONG_VERSION_NUMBER':
    case 'ERR_SSL_PACKET_LENGTH_TOO_LONG':
    case 'ERR_SSL_HTTP_REQUEST':
      return {
        reason: 'not-tls',
        message: `${name} does not speak TLS. Does it take http instead of https? Check ${setting} and its port.`,
      };
    case 'ERR_SSL_UNSUPPORTED_PROTOCOL':
    case 'ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION':
      return failed(
        `${name} does not speak a version of TLS that the relay takes (1.2 or 1.3). Its operators have to update it.`,
      );
    case 'ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL':
      return { reason: 'other-protocol', message: protocolWords(scene) };
    case 'EPROTO':
      return failed(
        `${name} does not speak TLS as expected. Does it take http instead of https, or a newer TLS version?`,
      );
    default:
      return alertWords(code, name, handshake);
  }
}

const noHandshake: HandshakeScene = { chain: [], now: 0 };

function protocolWords({ name, alpn }: FailureScene): string {
  return alpn === 'h2'
    ? `${name} does not speak HTTP/2, which gRPC needs. Set the protocol of this destination to http/protobuf, or use the port for gRPC (commonly 4317).`
    : `${name} speaks HTTP/2 only, as gRPC does. Set the protocol of this destination to grpc, or use the port for OTLP over HTTP (commonly 4318).`;
}

/** What the other side says of the handshake: RFC 8446, section 6.2. OpenSSL puts the alert's name into the code. */
function alertWords(code: string, name: string, handshake: HandshakeScene): Omit<FailureWords, 'code'> | undefined {
  if (!/^ERR_(SSL|TLS)_/.test(code)) return undefined;
  const { clientCert } = handshake;
  const alert = /ALERT_(\w+)$/.exec(code)?.[1] ?? '';
  if (alert === 'CERTIFICATE_REQUIRED') {
    const message = `${name} asks for a client certificate. Put its file and that of its key into clientCert and clientKey of this destination.`;
    return { reason: 'client-certificate', message };
  }
  if (clientCert !== undefined && clientAlerts[alert] !== undefined) {
    const message = `${name} refuses the client certificate ${clientCert}: ${clientAlerts[alert]}. Put a current one there.`;
    return { reason: 'client-certificate', message };
  }
  const hint =
    alert === 'HANDSHAKE_FAILURE'
      ? ` ${clientCert === undefined ? 'It may ask for a client certificate (clientCert and clientKey of this destination)' : `It may not accept the client certificate ${clientCert}`}, or for a cipher that the relay does not have.`
      : '';
  return { reason: 'tls-failed', message: `${name} breaks the TLS handshake off (${code}).${hint}` };
}

const clientAlerts: Readonly<Record<string, string>> = {
  ACCESS_DENIED: 'it may not connect',
  BAD_CERTIFICATE: 'it is not in order',
  CERTIFICATE_EXPIRED: 'it has expired',
  CERTIFICATE_REVOKED: 'it was revoked',
  CERTIFICATE_UNKNOWN: 'it is not accepted',
  DECRYPT_ERROR: 'its key does not fit',
  UNKNOWN_CA: 'its issuer is not known there',
  UNSUPPORTED_CERTIFICATE: 'it is of a kind that is not supported there',
};

/** Makers of what opens TLS connections in companies and on machines, by the names in the certificates that they issue. */
const interceptors =
  /zscaler|netskope|palo ?alto|globalprotect|fortinet|fortigate|blue ?coat|symantec (?:web|ssl)|broadcom|umbrella|cisco (?:secure|web)|ironport|websense|forcepoint|mcafee|skyhigh|trellix|check ?point|sophos|barracuda|watchguard|sonicwall|cato networks|cloudflare (?:for teams|gateway|zero trust)|menlo security|iboss|squid|mitmproxy|charles proxy|fiddler|burp|portswigger|proxyman|kaspersky|eset ssl|avast|avg |bitdefender|dr\.?web|adguard/i;

function distrustWords(code: string, name: string, { chain, caFile }: HandshakeScene): string {
  const [certificate] = chain;
  const last = chain.at(-1);
  const neither =
    caFile === undefined ? 'which this machine does not trust' : `which neither this machine nor ${caFile} trusts`;
  const remedy =
    caFile === undefined ? 'or name the file of its certificate in caFile' : 'or put its certificate into that file';
  if (certificate === undefined) return `The certificate of ${name} is not trusted (${code}).`;
  if (code === 'DEPTH_ZERO_SELF_SIGNED_CERT') {
    return `The certificate of ${name} is signed by nobody but itself ("${certificate.subject}"), ${neither}. If it is the right one, ${caFile === undefined ? 'name its file in caFile' : 'put it into that file'}.`;
  }
  const issuer = last?.issuer ?? certificate.issuer;
  const signer = [issuer, certificate.issuer, last?.subject ?? '']
    .map((text) => interceptors.exec(text)?.[0])
    .find((found) => found !== undefined);
  const issued = `The certificate of ${name} was issued by "${certificate.issuer}"${issuer === certificate.issuer ? '' : `, and that in the end by "${issuer}"`}`;
  if (signer !== undefined) {
    return `${issued}, ${neither}: a security product (${signer}) opens this connection. IT has to make its certificate authority known to this machine (then restart the relay), ${remedy}.`;
  }
  if (chain.length === 1 && certificate.namesIssuerSource) {
    return `${name} does not send the certificate of its issuer, "${certificate.issuer}", along: the chain is incomplete. Its operators have to correct that; until then, ${caFile === undefined ? 'name the file of the missing certificate in caFile' : `put the missing certificate into ${caFile}`}.`;
  }
  return `${issued}, ${neither}. If a proxy of your company opens connections, IT has to make its certificate authority known to this machine (then restart the relay), ${remedy}.`;
}

function expiry({ chain, now }: HandshakeScene): string {
  const expired = chain.find(({ validTo }) => Date.parse(validTo) < now);
  if (expired === undefined) return '';
  return expired === chain[0]
    ? ` on ${expired.validTo}`
    : `: that of its issuer "${expired.subject}" has, on ${expired.validTo}`;
}

const maxNames = 5;

function namesOf(certificate: ShownCertificate | undefined): string {
  const names = certificate?.names ?? [];
  if (names.length === 0) return certificate?.subject === undefined ? 'it names none' : `"${certificate.subject}"`;
  return names.slice(0, maxNames).join(', ') + (names.length > maxNames ? ', …' : '');
}
