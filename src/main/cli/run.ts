import { existsSync } from 'node:fs';
import { assertNever } from '../../shared/assert-never.ts';
import type { Agent } from '../core/agent.ts';
import { lineLog } from '../core/log.ts';
import type { InheritedSocket } from '../core/receiver/inherited.ts';
import { commonOptions, jsonOption, parseArguments, pathsFrom, policyOption, takesNoArguments } from './arguments.ts';
import { CliError, exitCodes } from './cli-error.ts';
import { type Command, commonHelp } from './commands.ts';
import type { Io } from './io.ts';

/** Nothing depends on a graceful stop, so it may not take long. */
const stopWithinMs = 1_900;

export const command: Command = {
  help: `Runs the relay in the foreground until it gets SIGTERM or SIGINT.

Usage: span-relay run [OPTIONS]

Prints one line when it holds the port and the spool is open, \`span-relay ready http=127.0.0.1:14318 grpc=127.0.0.1:14317 pid=… state=…\`; its log goes to standard error.
Where it listens and where telemetry goes is in the config file and in the machine's policy, which goes before it; both are
read again whenever they change.
Sockets that systemd opened for it (LISTEN_FDS, by LISTEN_FDNAMES or their port) are used instead of the ports in the config file.

  --replace        take over from the relay that runs on this state folder, without closing the port
  --policy FILE    another policy file than the machine's
  --json           the ready line as JSON

${commonHelp}
Exits with 0 when it was stopped or replaced, 75 when another relay runs on this state folder.
`,
  async run(args, io) {
    const options = {
      ...commonOptions,
      ...policyOption,
      ...jsonOption,
      replace: { type: 'boolean', default: false },
    } as const;
    const { values, positionals } = parseArguments('run', args, options);
    takesNoArguments('run', positionals);
    const { stateDir, configFile, policy } = pathsFrom(values, io);
    const stopAsked = new Promise<void>((resolve) => io.onStopSignal(resolve));
    const { startAgent } = await import('../core/agent.ts');
    const log = lineLog(io.err, io.clock.now);
    if (values.config !== undefined && !existsSync(configFile)) {
      log.warn('the config file does not exist; the defaults are in force until it does', { file: configFile });
    }
    const inherited = socketsOf(io.env, process.pid);
    const start = await startAgent({
      stateDir,
      configFile,
      policy,
      replace: values.replace,
      inherited,
      env: io.env,
      home: io.home,
      log,
    });
    switch (start.kind) {
      case 'already-running':
        throw new CliError(
          `Another relay (${start.holder}) runs on ${stateDir}. Stop it first, or take over with --replace.`,
          exitCodes.alreadyRunning,
        );
      case 'failed':
        throw new CliError(start.message);
      case 'started':
        break;
      default:
        assertNever(start);
    }
    const { agent } = start;
    const stopped = Promise.race([
      agent.stopped,
      stopAsked.then(() => {
        void agent.stop();
        return new Promise<void>((resolve) => void io.clock.after(stopWithinMs, resolve));
      }),
    ]).then(() => 'stopped' as const);
    const first = await Promise.race([agent.whenReady.then(() => 'ready' as const), stopped]);
    if (first === 'ready') io.out(readyLine(agent, stateDir, values.json));
    await stopped;
    return exitCodes.ok;
  },
};

/** systemd hands sockets over from this descriptor on, https://www.freedesktop.org/software/systemd/man/latest/sd_listen_fds.html. */
const firstInheritedFd = 3;

/** The sockets that a supervisor opened for this process; none where it gave none, or gave them to another process. */
function socketsOf(env: Io['env'], ownPid: number): readonly InheritedSocket[] {
  const { LISTEN_FDS: count = '', LISTEN_PID: pid, LISTEN_FDNAMES: names = '' } = env;
  if (!/^\d{1,3}$/.test(count) || (pid !== undefined && pid !== String(ownPid))) return [];
  const nameList = names.split(':');
  return Array.from({ length: Number(count) }, (_, index) => ({ fd: firstInheritedFd + index, name: nameList[index] }));
}

/** A gRPC port that is taken is left out. */
function readyLine({ status }: Pick<Agent, 'status'>, stateDir: string, json: boolean): string {
  const { http, grpc } = status().listen;
  const { pid } = process;
  const grpcPort = grpc.state === 'listening' ? grpc.port : undefined;
  if (json) return `${JSON.stringify({ ready: true, http: http.port, grpc: grpcPort, pid, stateDir })}\n`;
  const grpcWords = grpcPort === undefined ? '' : ` grpc=127.0.0.1:${grpcPort}`;
  return `span-relay ready http=127.0.0.1:${http.port}${grpcWords} pid=${pid} state=${stateDir}\n`;
}
