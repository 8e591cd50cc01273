import { connect as connectTcp, type LookupFunction, type Socket } from 'node:net';
import type { Clock } from '../../clock.ts';
import { capital, describeFailure, type FailureScene, type Party, seconds } from '../failure-words.ts';
import { aborted, type FailureReason, failure, type TransportFailure } from '../transport.ts';
import type { ConnectTarget, Opened } from './connector.ts';
import { shakeHands } from './handshake.ts';
import { happens } from './happens.ts';
import type { NetworkSettings } from './network-settings.ts';
import { portOf, unbracketed } from './no-proxy.ts';
import { type KnownProxy, proxyParty } from './proxy-words.ts';
import type { TlsSessions } from './tls-sessions.ts';
import type { Trust, Trusted } from './trust.ts';
import { tunnel } from './tunnel.ts';

/** Straight to the destination, or by a proxy. */
export type Way = { readonly kind: 'direct' } | { readonly kind: 'proxy'; readonly proxy: KnownProxy };

export interface OpeningTools {
  readonly clock: Clock;
  readonly trust: Trust;
  readonly sessions: TlsSessions;
  /** Default: the system's. */
  readonly lookup?: LookupFunction;
  /** For all steps together. */
  readonly limitMs: number;
}

/** Opens a connection by one way, within the time. Never rejects. */
export async function openBy(way: Way, target: ConnectTarget, tools: OpeningTools): Promise<Opened> {
  const opening = new Opening(way, target, tools);
  const cut = Promise.withResolvers<TransportFailure>();
  const cancelTimer = tools.clock.after(tools.limitMs, () => cut.resolve(opening.late()));
  const onAbort = () => cut.resolve(aborted(false));
  target.abort?.addEventListener('abort', onAbort, { once: true });
  const opened = await Promise.race([opening.run(), cut.promise]);
  cancelTimer();
  target.abort?.removeEventListener('abort', onAbort);
  if (opened.kind === 'failure') opening.destroy();
  return opened;
}

/** Node's default of 250 ms gives a slow link (satellite, VPN to another continent) up before it could answer. */
const addressAttemptTimeoutMs = 2_500;

/** Of a proxy: no certificate becomes good, and no protocol another, by waiting. */
const lasting: readonly FailureReason[] = ['tls', 'tls-name', 'tls-failed', 'not-tls', 'other-protocol', 'takes-tls'];

type Step = { readonly kind: 'open'; readonly socket: Socket } | TransportFailure;

/** With whom TLS is spoken, and how. */
interface Layer {
  readonly party: Party;
  readonly port: number;
  readonly network: NetworkSettings;
  readonly alpn: readonly string[];
}

/** The steps to one connection. */
class Opening {
  readonly #way: Way;
  readonly #target: ConnectTarget;
  readonly #tools: OpeningTools;
  readonly #destination: Party;
  readonly #sockets: Socket[] = [];
  #destroyed = false;
  /** Who is to do something next. */
  #waitsFor: Party;
  #reached = false;
  /** Waits for files of ours. */
  #reads = false;

  constructor(way: Way, target: ConnectTarget, tools: OpeningTools) {
    const { url } = target;
    this.#way = way;
    this.#target = target;
    this.#tools = tools;
    this.#destination = { name: url.host, hostname: unbracketed(url.hostname), setting: 'the endpoint' };
    this.#waitsFor = way.kind === 'proxy' ? proxyParty(way.proxy) : this.#destination;
  }

  async run(): Promise<Opened> {
    const { url, network, alpn, mayForward } = this.#target;
    const isPlain = url.protocol === 'http:';
    // Nobody is bothered for a connection that a file of ours stands in the way of.
    const usable = isPlain ? undefined : await this.#context(network);
    if (usable?.kind === 'failure') return usable;
    if (this.#way.kind === 'proxy') {
      const { proxy } = this.#way;
      const step = await this.#toProxy(proxy);
      if (step.kind === 'failure') return step;
      if (isPlain && mayForward === true) {
        const { address, from } = proxy;
        const { label, authorization } = address;
        return { ...step, forward: { label, from, ...(authorization === undefined ? {} : { authorization }) } };
      }
      const refused = await tunnel(step.socket, url, proxy);
      if (refused !== undefined) return refused;
      this.#waitsFor = this.#destination;
      if (isPlain) return step;
      return this.#secure(step.socket, { party: this.#destination, port: portOf(url), network, alpn });
    }
    const step = await this.#connect(this.#destination, portOf(url));
    if (step.kind === 'failure' || isPlain) return step;
    return this.#secure(step.socket, { party: this.#destination, port: portOf(url), network, alpn });
  }

  destroy(): void {
    this.#destroyed = true;
    // From the outside in: a TLS connection destroys what it stands on.
    for (const socket of this.#sockets.reverse()) socket.destroy();
  }

  /** What it means that it was not done in time. */
  late(): TransportFailure {
    const limit = seconds(this.#tools.limitMs);
    if (this.#reads) {
      const { caFile, clientCert, clientKey } = this.#target.network;
      const files = [caFile, clientCert, clientKey].filter((file) => file !== undefined).join(', ');
      return failure(
        'certificate-file',
        'FILE_TIMEOUT',
        `${files} could not be read within ${limit}. Is the file on a network?`,
      );
    }
    const { name, setting } = this.#waitsFor;
    if (this.#waitsFor !== this.#destination) {
      const { host } = this.#target.url;
      const message = this.#reached
        ? `${capital(name)} did not connect to ${host} within ${limit}. Ask IT, or check ${setting}.`
        : `No connection to ${name} within ${limit}: a firewall may be in between. Check ${setting}.`;
      return failure('proxy', 'PROXY_TIMEOUT', message);
    }
    const message = this.#reached
      ? `${name} did not complete the TLS handshake within ${limit}: a firewall or proxy may be in between.`
      : `No connection to ${name} within ${limit}: a firewall may be in between.`;
    return failure('connect', 'CONNECT_TIMEOUT', message);
  }

  async #toProxy(proxy: KnownProxy): Promise<Step> {
    const { port, secure } = proxy.address;
    const party = this.#waitsFor;
    const step = await this.#connect(party, port);
    if (step.kind === 'failure' || !secure) return step;
    // Our client certificate is for the destination's eyes.
    const { caFile } = this.#target.network;
    const network = { proxy: 'none', ...(caFile === undefined ? {} : { caFile }) };
    return this.#secure(step.socket, { party, port, network, alpn: ['http/1.1'] });
  }

  async #connect(party: Party, port: number): Promise<Step> {
    const { lookup } = this.#tools;
    const socket = this.#own(
      connectTcp({
        host: party.hostname,
        port,
        noDelay: true,
        autoSelectFamilyAttemptTimeout: addressAttemptTimeoutMs,
        ...(lookup === undefined ? {} : { lookup }),
      }),
    );
    const error = await happens(socket, 'connect');
    if (error !== undefined) return this.#failed(error, { ...party, connected: false });
    this.#reached = true;
    return { kind: 'open', socket };
  }

  async #secure(socket: Socket, { party, port, network, alpn }: Layer): Promise<Step> {
    const { sessions, clock } = this.#tools;
    const trusted = await this.#context(network);
    if (trusted.kind === 'failure') return trusted;
    const { context } = trusted;
    const place = `${party.hostname}:${port} ${alpn.join()}`;
    const session = sessions.get(context, place);
    const shaking = shakeHands({ socket, hostname: party.hostname, context, alpn, session });
    sessions.keepFrom(this.#own(shaking.socket), context, place);
    const error = await shaking.done;
    if (error === undefined) return { kind: 'open', socket: shaking.socket };
    sessions.drop(context, place);
    const { caFile, clientCert } = network;
    const files = { ...(caFile === undefined ? {} : { caFile }), ...(clientCert === undefined ? {} : { clientCert }) };
    const handshake = { chain: shaking.chain(), now: clock.now(), ...files };
    return this.#failed(error, { ...party, connected: false, alpn: alpn.join(), handshake });
  }

  /** A file on a network that is away may not answer for a long time. */
  async #context(network: NetworkSettings): Promise<Trusted> {
    this.#reads = true;
    const trusted = await this.#tools.trust.contextFor(network);
    this.#reads = false;
    return this.#destroyed ? aborted(false) : trusted;
  }

  #failed(error: unknown, scene: FailureScene): TransportFailure {
    const { reason, code, message } = describeFailure(error, scene);
    if (this.#waitsFor === this.#destination) return failure(reason, code, message);
    return failure(lasting.includes(reason) ? 'proxy-refused' : 'proxy', code, message);
  }

  #own<S extends Socket>(socket: S): S {
    this.#sockets.push(socket);
    if (this.#destroyed) socket.destroy();
    return socket;
  }
}
