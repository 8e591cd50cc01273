import type { Server } from 'node:net';
import type { ListenFacts } from '../../../shared/health.ts';
import type { Clock } from '../clock.ts';
import type { Log } from '../log.ts';
import { type Bound, bind, stopListening, tryExclusively } from './bind.ts';
import type { Protocol } from './intake.ts';

export interface ListenersOptions {
  /** 0: any free port, the same on all hosts. */
  readonly port: number;
  /** The first is the one that counts; the others are tried as well. */
  readonly hosts: readonly string[];
  /** Linux: lets a successor listen on the same port before this one stops. */
  readonly reusePort: boolean;
  /** This is that successor: do not mind that the port is in use. */
  readonly takeover: boolean;
  /** Sockets that already listen, from systemd or a supervisor, used instead of `hosts` and `port`. */
  readonly inheritedFds: readonly number[];
  /** For the log. */
  readonly protocol: Protocol;
  readonly clock: Clock;
  readonly log: Log;
  readonly createServer: () => Server;
  readonly findHolder: (host: string, port: number) => Promise<string>;
  readonly onStateChange: (facts: ListenFacts) => void;
}

const retryMs = 1_000;
/** Finding out who holds a port costs more than trying it. */
const attemptsPerHolderSearch = 30;
const maxPortChoices = 20;
const maxTurnsToClose = 50;
const shortTurnMs = 0.5;

/** The addresses that the receiver listens on: opens what it can and keeps trying for the rest. */
export class Listeners {
  readonly #options: ListenersOptions;
  readonly #servers = new Map<string, Server>();
  readonly #unavailable = new Set<string>();
  #port: number;
  #attempts = 0;
  #closed = false;
  #closing: Promise<void> | undefined;
  #facts: ListenFacts;
  #cancelRetry: () => void = () => undefined;
  #attempting: Promise<void> = Promise.resolve();

  constructor(options: ListenersOptions) {
    this.#options = options;
    this.#port = options.port;
    this.#facts = { port: options.port, state: 'starting' };
  }

  get port(): number {
    return this.#port;
  }

  facts(): ListenFacts {
    return this.#facts;
  }

  /** Resolves when the first attempt is decided, whatever came of it. */
  async open(): Promise<void> {
    if (await this.#inherit()) return;
    this.#attempting = this.#attempt();
    await this.#attempting;
  }

  /** Stops listening and trying. Connections go on. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.#closed = true;
    this.#cancelRetry();
    await this.#attempting;
    await this.#quietTurn();
    await Promise.all([...this.#servers.values()].map(stopListening));
    this.#report({ port: this.#port, state: 'closed' });
  }

  /**
   * A listening socket that is closed resets the connections that wait in its queue, and Claude Code does not try those
   * again. Node accepts one connection per turn of the event loop, so this waits for turns that brought none and were
   * short: then hardly any can be waiting.
   */
  async #quietTurn(): Promise<void> {
    const { clock } = this.#options;
    let accepted = 0;
    for (const server of this.#servers.values()) server.on('connection', () => accepted++);
    let quietTurns = 0;
    for (let turn = 0; turn < maxTurnsToClose && quietTurns < 2; turn++) {
      const startedAt = clock.monotonicMs();
      const before = accepted;
      await new Promise((resolve) => setImmediate(resolve));
      const quiet = accepted === before && clock.monotonicMs() - startedAt < shortTurnMs;
      quietTurns = quiet ? quietTurns + 1 : 0;
    }
  }

  servers(): Iterable<Server> {
    return this.#servers.values();
  }

  async #inherit(): Promise<boolean> {
    for (const fd of this.#options.inheritedFds) {
      const bound = await bind(this.#options.createServer(), { fd });
      if (!bound.ok) {
        this.#options.log.error('receiver: cannot listen on an inherited socket', { fd, code: bound.code });
      } else if (!isLoopback(bound.server.address())) {
        this.#options.log.error('receiver: an inherited socket is not on loopback and is not used', { fd });
        await stopListening(bound.server);
      } else {
        this.#servers.set(`fd ${fd}`, bound.server);
        this.#port = bound.port;
      }
    }
    if (this.#servers.size === 0) return false;
    this.#report({ port: this.#port, state: 'listening' });
    return true;
  }

  async #attempt(): Promise<void> {
    const { hosts, log } = this.#options;
    const [main] = hosts;
    if (this.#port === 0) await this.#choosePort();
    const missing: string[] = [];
    for (const host of hosts) {
      if (this.#closed || this.#servers.has(host) || this.#unavailable.has(host)) continue;
      const bound = await this.#listen(host, this.#port);
      if (bound.ok) {
        this.#servers.set(host, bound.server);
        this.#port = bound.port;
      } else if (host !== main && isAbsent(bound.code)) {
        this.#unavailable.add(host);
        log.info('receiver: this machine does not have the address', { host, code: bound.code });
      } else {
        missing.push(host);
      }
    }
    if (this.#closed) return;
    const state = main !== undefined && this.#servers.has(main) ? 'listening' : 'port-taken';
    const [taken] = missing;
    if (taken === undefined) return this.#report({ port: this.#port, state });
    if (this.#attempts++ % attemptsPerHolderSearch === 0 || state !== this.#facts.state) {
      const holder = await this.#options.findHolder(taken, this.#port);
      if (this.#closed) return;
      this.#report({ port: this.#port, state, holder: taken === main ? holder : `${holder}, on ${taken} only` });
    }
    this.#cancelRetry = this.#options.clock.after(retryMs, () => {
      this.#attempting = this.#attempt();
    });
  }

  /** Port 0: the first host's free choice, unless another program has the same port on another host. */
  async #choosePort(): Promise<void> {
    const [main, ...others] = this.#options.hosts;
    if (main === undefined) return;
    for (let choice = 1; choice <= maxPortChoices && !this.#closed; choice++) {
      const bound = await this.#listen(main, 0);
      if (!bound.ok) return;
      const codes = await Promise.all(others.map((host) => tryExclusively(host, bound.port)));
      if (choice === maxPortChoices || !codes.includes('EADDRINUSE')) {
        this.#servers.set(main, bound.server);
        this.#port = bound.port;
        return;
      }
      await stopListening(bound.server);
    }
  }

  async #listen(host: string, port: number): Promise<Bound> {
    const { reusePort, takeover, createServer } = this.#options;
    // With reusePort two relays that know nothing of each other would share the port, and each get half of the telemetry.
    if (reusePort && !takeover && port !== 0) {
      const code = await tryExclusively(host, port);
      if (code !== undefined) return { ok: false, code };
    }
    const ipv6Only = host.includes(':');
    const bound = await bind(createServer(), { host, port, exclusive: true, reusePort, ipv6Only });
    if (bound.ok || !reusePort || !isUnsupported(bound.code)) return bound;
    return bind(createServer(), { host, port, exclusive: true, ipv6Only });
  }

  #report(facts: ListenFacts): void {
    const before = this.#facts;
    if (before.state === facts.state && before.port === facts.port && before.holder === facts.holder) return;
    this.#facts = facts;
    const level = facts.state === 'port-taken' ? 'warn' : 'info';
    const { port, holder } = facts;
    this.#options.log[level](`receiver: ${facts.state}`, { port, protocol: this.#options.protocol, holder });
    this.#options.onStateChange(facts);
  }
}

/** Whoever opened the socket: other machines have no business here. */
function isLoopback(address: ReturnType<Server['address']>): boolean {
  return typeof address === 'object' && address !== null && /^(?:127\.|::1$)/.test(address.address);
}

/** The machine has no such address, for instance no IPv6. */
function isAbsent(code: string): boolean {
  return ['EADDRNOTAVAIL', 'EAFNOSUPPORT', 'EINVAL', 'ENOTFOUND', 'EPROTONOSUPPORT'].includes(code);
}

function isUnsupported(code: string): boolean {
  return ['ENOTSUP', 'EOPNOTSUPP', 'ENOPROTOOPT', 'EINVAL'].includes(code);
}
