import type { DetailedPeerCertificate, PeerCertificate } from 'node:tls';
import type { ShownCertificate } from '../failure-words.ts';

const maxChain = 10;

/** What a person can be told of the certificates that the other side showed, its own first. */
export function shownCertificates(own: DetailedPeerCertificate): readonly ShownCertificate[] {
  const chain: ShownCertificate[] = [];
  // Node gives an empty object where there is no certificate, and makes that of a root its own issuer.
  let certificate: DetailedPeerCertificate | undefined = 'subject' in own ? own : undefined;
  while (certificate !== undefined && chain.length < maxChain) {
    chain.push(shown(certificate));
    const issuer: DetailedPeerCertificate | undefined = certificate.issuerCertificate;
    certificate = issuer === certificate ? undefined : issuer;
  }
  return chain;
}

function shown(certificate: PeerCertificate): ShownCertificate {
  const { subject, issuer, subjectaltname, valid_from, valid_to, infoAccess } = certificate;
  return {
    subject: nameOf(subject),
    issuer: nameOf(issuer),
    names: (subjectaltname ?? '')
      .split(', ')
      .map((name) => text(name.replace(/^(DNS|IP Address):/, '')))
      .filter((name) => name !== undefined),
    validFrom: valid_from,
    validTo: valid_to,
    selfSigned: JSON.stringify(subject) === JSON.stringify(issuer),
    namesIssuerSource: infoAccess !== undefined && 'CA Issuers - URI' in infoAccess,
  };
}

/** The common name is what people know an authority by; the organisation says whose it is. */
function nameOf(name: PeerCertificate['subject'] | undefined): string {
  const parts = [text(name?.CN), text(name?.O)].filter((part) => part !== undefined);
  return parts.length === 0 ? 'an unknown authority' : [...new Set(parts)].join(', ');
}

/** A certificate is somebody else's text: bounded, and one line. Node gives a list where a name occurs twice. */
function text(value: unknown): string | undefined {
  const first: unknown = Array.isArray(value) ? value[0] : value;
  if (typeof first !== 'string' || first === '') return undefined;
  return first.replace(/[\p{C}\s"]+/gu, ' ').slice(0, 100);
}
