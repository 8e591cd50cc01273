import { type Signal, signals } from '../../shared/signal.ts';
import { listOf } from '../../shared/wording.ts';
import { type Destination, publicEndpoint, signalUrl } from '../core/delivery/destination.ts';
import { presentedScope } from '../core/delivery/presented-scope.ts';

/** Where each signal of a destination goes, as it may be shown. */
export function publicAddresses(
  destination: Destination,
): readonly { readonly signal: Signal; readonly url: string }[] {
  return destination.signals.flatMap((signal) => {
    const url = signalUrl(destination, signal);
    const shown = url === undefined ? null : publicEndpoint({ ...destination, endpoint: url, signalEndpoints: {} });
    return shown === null ? [] : [{ signal, url: shown }];
  });
}

/** Address, protocol and signals in one sentence. */
export function addressWords(destination: Destination): string {
  const { protocol, signals: taken, signalEndpoints, endpoint } = destination;
  const kinds = taken.length === signals.length ? 'all signals' : listOf(taken);
  if (Object.keys(signalEndpoints).length === 0) return `${publicEndpoint(destination)}, ${protocol}, ${kinds}`;
  const own = publicAddresses(destination).filter(({ signal }) => signalEndpoints[signal] !== undefined);
  const rest = taken.filter((signal) => signalEndpoints[signal] === undefined);
  const base = publicEndpoint({ ...destination, endpoint, signalEndpoints: {} });
  return [
    ...own.map(({ signal, url }) => `${signal} to ${url}`),
    ...(rest.length === 0 ? [] : [`${listOf(rest)} to ${base}`]),
    protocol,
  ].join(', ');
}

/** Where the credential comes from, never the credential. `all`: every destination, this one among them. */
export function credentialWords(destination: Destination, all: readonly Destination[]): string {
  const { credential, headers } = destination;
  if (credential === undefined) {
    const names = Object.keys(headers);
    return names.length === 0 ? 'no token' : `no token; always sends ${listOf(names)}`;
  }
  const { header, tokens, tokenFile } = credential;
  const { isMeant, ambiguousWith } = presentedScope(destination, all);
  const places = [
    ...tokens.map(({ source }) => (source === 'policy' ? 'from the policy' : 'from the config file')),
    ...(tokenFile === undefined ? [] : [`in ${tokenFile}`]),
    ...(isMeant ? [`what Claude Code presents in ${header}`] : []),
  ];
  if (places.length > 0) return `token: ${places.join(', else ')}`;
  return `token: none; what Claude Code presents in ${header} may be meant for ${listOf(ambiguousWith, 'or')} just as well`;
}
