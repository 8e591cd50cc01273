import { readFile } from 'node:fs/promises';
import { networkInterfaces } from 'node:os';
import { join } from 'node:path';
import { deriveHealth, type HealthSnapshot } from '../../shared/health.ts';
import { createAttribution } from './attribution/attribution.ts';
import { type Clock, systemClock } from './clock.ts';
import { agentHandlers } from './control/handlers.ts';
import { startControlServer } from './control/server.ts';
import { createCredentials } from './delivery/credentials.ts';
import { createDelivery } from './delivery/delivery.ts';
import { createExporters } from './delivery/exporters.ts';
import { environmentProxies } from './delivery/network/environment-proxies.ts';
import { createNetwork } from './delivery/network/network.ts';
import type { ProxyResolver } from './delivery/network/proxy-resolver.ts';
import { storedCredentials } from './delivery/stored-credentials.ts';
import { watchForWake } from './delivery/wake-watch.ts';
import { sendTest } from './diagnostics/send-test.ts';
import { rememberGrpcUse } from './health/grpc-use.ts';
import { Identities } from './health/identities.ts';
import { gatherMachineFacts } from './health/machine.ts';
import { HealthRecorder } from './health/recorder.ts';
import { createSpoolLog } from './health/spool-log.ts';
import type { Log } from './log.ts';
import { takeLock, takeOver } from './own-state.ts';
import { logConfig } from './policy/config-log.ts';
import { type LoadedConfig, openConfigSource } from './policy/config-source.ts';
import { credentialHeadersOf, destinationsOf, limitsOf, spoolDestinations } from './policy/in-force.ts';
import type { PolicyFile } from './policy/policy-file.ts';
import { ensurePrivateFolder } from './policy/private-file.ts';
import { type InheritedSocket, sortInherited } from './receiver/inherited.ts';
import { type AcceptedInfo, createIntake, type Protocol } from './receiver/intake.ts';
import { createReceivers } from './receiver/receivers.ts';
import { fileSecretStore, type SecretStore } from './secrets/secret-store.ts';
import { openSpool } from './spool/open-spool.ts';
import type { Spool } from './spool/spool.ts';
import type { StateLock } from './spool/state-lock.ts';
import { relayVersion } from './version.ts';

export interface AgentOptions {
  /** Where the spool, the lock, the control socket and the presented credentials are; made when it is not there. */
  readonly stateDir: string;
  readonly configFile: string;
  /** The machine-wide file that goes before the config; none is looked for where it is absent. */
  readonly policy?: PolicyFile;
  /** Takes over from the agent that runs on this state folder, with both listening for a moment (Linux). */
  readonly replace?: boolean;
  /** Sockets that a supervisor opened (systemd socket activation), used instead of the configured ports. */
  readonly inherited?: readonly InheritedSocket[];
  /** The environment of the process: proxies, and `${env:…}` in attributes. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The user's home folder, for `${git:…}` and `${claude:…}` in attributes. */
  readonly home: string;
  /** Default: the proxies that the environment names. */
  readonly proxyResolver?: ProxyResolver;
  /** Where what Claude Code presented is kept; files in the state folder when left out. */
  readonly secrets?: SecretStore;
  readonly log: Log;
  readonly clock?: Clock;
}

export interface Agent {
  /** Where OTLP is taken; the configured ports where that is not so yet. */
  readonly ports: Readonly<Record<Protocol, number>>;
  /** Resolves when the HTTP port is open, the spool is open and the config is in force; requests that come before the spool is wait for it. */
  readonly whenReady: Promise<void>;
  /** Resolves when the agent has stopped, for whatever reason. */
  readonly stopped: Promise<void>;
  status(): HealthSnapshot;
  stop(): Promise<void>;
}

export type AgentStart =
  | { readonly kind: 'started'; readonly agent: Agent }
  /** Another agent has this state folder. */
  | { readonly kind: 'already-running'; readonly holder: string }
  | { readonly kind: 'failed'; readonly message: string };

const maintainEveryMs = 60_000;
const drainMs = 500;

/**
 * The composition root: builds the relay from a config and starts it. The port opens first, what is slow comes later;
 * on the way down the port closes first and the spool last.
 */
export async function startAgent(options: AgentOptions): Promise<AgentStart> {
  const { stateDir, env, home, log, clock = systemClock } = options;
  let firstLock: StateLock | undefined;
  try {
    await ensurePrivateFolder(stateDir);
    firstLock = options.replace ? undefined : await takeLock(stateDir, clock);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return {
      kind: 'failed',
      message: `The state folder ${stateDir} cannot be used (${reason}). Name another with --state-dir.`,
    };
  }
  if (firstLock?.kind === 'taken') return alreadyRunning(firstLock);

  const grpcUse = await rememberGrpcUse({ file: join(stateDir, 'last-grpc-export'), clock, log });
  const recorder = new HealthRecorder(clock, grpcUse);
  const config = await openConfigSource({ file: options.configFile, policy: options.policy, stateDir, log, clock });
  const secrets = options.secrets ?? fileSecretStore(stateDir, log);
  const credentials = await createCredentials({ ...storedCredentials(secrets, log), clock, log });
  const spoolOpened = Promise.withResolvers<Spool>();
  const ready = Promise.withResolvers<void>();
  let isReady = false;

  let credentialHeaders = credentialHeadersOf(config.current);
  const intake = createIntake({
    clock,
    log,
    accept: async (request) => {
      const { signal, points } = request;
      // Before the spool takes over the memory of the request.
      const gap = Identities.gapIn(request);
      const id = await (await spoolOpened.promise).accept(request);
      if (id === 0 && points > 0) recorder.unwanted(signal, points);
      else if (gap) recorder.unidentified(gap);
      return id;
    },
    refuse: (signal, points) => void spoolOpened.promise.then((spool) => spool.refuse(signal, points)),
    onRequest: (info) => {
      recorder.received(info);
      presentCredentials(info, credentialHeaders, credentials.present);
    },
    onRefused: (info) => recorder.refused(info),
  });
  const receivers = createReceivers({
    ports: config.current.config.listen,
    intake,
    ready: () => isReady,
    takeover: options.replace ?? false,
    inheritedFds: await sortInherited(options.inherited ?? [], config.current.config.listen.grpc),
    drainMs,
  });
  await receivers.start();

  const lock = firstLock ?? (await takeOver(stateDir, clock));
  if (lock.kind === 'taken') {
    await Promise.all([receivers.stop({ drainMs: 0 }).then(() => intake.close()), config.close()]);
    return alreadyRunning(lock);
  }

  const spool = openSpool({
    folder: stateDir,
    limits: limitsOf(config.current),
    destinations: spoolDestinations(config.current),
    log,
  });
  const spoolLog = createSpoolLog({ clock, log, books: () => spool.books() });
  spool.on((event) => {
    recorder.spoolEvent(event);
    spoolLog.note(event);
    if (event.kind !== 'ready') return;
    isReady = true;
    ready.resolve();
  });
  const network = createNetwork({
    clock,
    log,
    proxyResolver: options.proxyResolver ?? environmentProxies(env),
    onFilesChanged: () => delivery.wake('certificates'),
  });
  const exporters = createExporters({ clock, version: relayVersion, connector: network.connector });
  const attribution = createAttribution({ env, home, readFile, log });
  const attributesRead = attribution.refresh();
  const delivery = createDelivery({
    spool,
    exporters,
    attribution,
    credentials,
    attributesRead,
    clock,
    random: Math.random,
    log,
    via: network.via,
  });
  const machine = await gatherMachineFacts({ stateDir, relayVersion, log });

  /** The spool learns of a destination before anything can be sent to it. */
  const applyConfig = async (loaded: LoadedConfig): Promise<void> => {
    await spool.setDestinations(spoolDestinations(loaded));
    const destinations = destinationsOf(loaded);
    network.follow(destinations);
    delivery.setDestinations(destinations);
    await spool.setLimits(limitsOf(loaded));
  };
  let applied: LoadedConfig | undefined;
  let inForce = Promise.resolve();
  const apply = (loaded: LoadedConfig): void => {
    logConfig(log, loaded, applied);
    applied = loaded;
    credentialHeaders = credentialHeadersOf(loaded);
    void attribution.refresh();
    const report = (error: unknown) => log.error('the config could not be applied', { error: String(error) });
    inForce = inForce.then(() => applyConfig(loaded)).catch(report);
    receivers.move(loaded.config.listen).catch(report);
  };
  // Requests wait until the spool knows for whom they are.
  await spool.setDestinations(spoolDestinations(config.current)).catch((error: unknown) => {
    log.error('the destinations could not be set', { error: String(error) });
  });
  spoolOpened.resolve(spool);

  let stopping = false;
  const status = (): HealthSnapshot =>
    deriveHealth(
      recorder.facts({
        machine: { ...machine, managedBy: config.current.policy.inForce ? config.current.policy.file : null },
        listen: receivers.facts(),
        stateDir,
        spool,
        delivery: delivery.facts(),
        config: config.current,
        attribution,
      }),
    );
  const control = await startControlServer({
    stateDir,
    clock,
    log,
    handlers: agentHandlers({
      spool,
      status,
      sendTest: ({ timeoutMs, destination }) =>
        sendTest({
          spool,
          delivery,
          clock,
          timeoutMs,
          only: destination,
          destinations: destinationsOf(config.current),
          config: config.current,
          stopping: () => stopping,
          receiver: receivers.facts().http,
          machineId: machine.id,
          exporters,
        }),
      reload: async () => {
        await config.reload();
        await inForce;
        const { file: configFile, policy } = config.current;
        return { configFile, policyFile: policy.file };
      },
      stop: () => void agent.stop(),
    }),
  });
  if (control.kind === 'failed') log.error(control.message);

  const cancelWakeWatch = watchForWake({
    clock,
    networkInterfaces,
    onWake: (reason) => {
      void attribution.refresh();
      delivery.wake(reason);
    },
  });
  const cancelMaintenance = repeat(
    clock,
    maintainEveryMs,
    () => Promise.all([spool.maintain(), attribution.refresh()]),
    log,
  );
  config.onChange(apply);
  void ready.promise
    .then(() => recorder.recall(spool))
    .catch((error: unknown) => {
      log.warn('the history of the spool cannot be read', { error: String(error) });
    });
  apply(config.current);
  const firstApplied = inForce;

  const stopped = Promise.withResolvers<void>();
  const agent: Agent = {
    get ports() {
      return receivers.ports;
    },
    whenReady: Promise.all([ready.promise, receivers.listening, firstApplied]).then(() => undefined),
    stopped: stopped.promise,
    status,
    async stop() {
      if (stopping) return stopped.promise;
      stopping = true;
      cancelWakeWatch();
      cancelMaintenance();
      await Promise.all([receivers.stop({ drainMs }), delivery.stop(), config.close(), network.close()]);
      await Promise.all([spool.close(), credentials.close(), intake.close()]);
      spoolLog.close();
      if (control.kind === 'listening') await control.server.close();
      lock.release();
      stopped.resolve();
      return stopped.promise;
    },
  };
  return { kind: 'started', agent };
}

function alreadyRunning({ pid }: Extract<StateLock, { kind: 'taken' }>): AgentStart {
  return { kind: 'already-running', holder: pid === undefined ? 'process unknown' : `pid ${pid}` };
}

function presentCredentials(
  { headers }: AcceptedInfo,
  names: ReadonlySet<string>,
  present: (header: string, value: string) => void,
): void {
  for (const name of names) {
    const value = headers[name];
    if (typeof value === 'string') present(name, value);
  }
}

function repeat(clock: Clock, everyMs: number, action: () => Promise<unknown>, log: Log): () => void {
  let cancel = clock.after(everyMs, run);
  function run(): void {
    cancel = clock.after(everyMs, run);
    action().catch((error: unknown) => log.warn('the spool could not be tidied', { error: String(error) }));
  }
  return () => cancel();
}
