import { closest } from '../../shared/closest.ts';
import { presetNames, presets } from '../core/policy/presets.ts';
import { usageError } from './cli-error.ts';
import { type Command, commonHelp } from './commands.ts';
import type { Io } from './io.ts';

/** Resolves with the exit code. */
export type DestinationAction = (args: readonly string[], io: Io) => Promise<number>;

const actions: Readonly<Record<string, () => Promise<DestinationAction>>> = {
  list: async () => (await import('./destination-list.ts')).list,
  add: async () => (await import('./destination-add.ts')).add,
  remove: async () => (await import('./destination-change.ts')).remove,
  rename: async () => (await import('./destination-change.ts')).rename,
  test: async () => (await import('./destination-test.ts')).test,
  import: async () => (await import('./destination-import.ts')).importSettings,
};

const width = Math.max(...presetNames.map((name) => name.length));
const presetLines = presetNames.map((name) => {
  const { title, parameters } = presets[name];
  const asked = Object.entries(parameters).map(([key, { example }]) => `--param ${key}=${example}`);
  return `  ${name.padEnd(width)}  ${[title, ...asked].join(', ')}`;
});

export const command: Command = {
  help: `Says where telemetry goes, and changes it. A running relay takes it up at once.

Usage: span-relay destination list
       span-relay destination add NAME [--preset P] [OPTIONS]
       span-relay destination remove NAME
       span-relay destination rename OLD NEW
       span-relay destination test NAME [--timeout S]
       span-relay destination import FILE|- [OPTIONS]

  list             each destination, where its token comes from, how it stands
  add              a new one, behind the others in the config file
  remove           stops sending; what is owed stays until it is too old, and
                   goes out if the name returns
  rename           books, backlog and quarantine go on under the new name
  test             sends a real request of each signal through the relay, and
                   tells what came back
  import           makes one from the settings JSON that a vendor generates (an
                   "env" block for Claude Code), and prints what Claude Code's
                   managed settings have to contain instead

Options of add
  --preset P                 a vendor whose address and header are known (below)
  --param KEY=VALUE          what the preset asks for
  --endpoint URL             base address; replaces the preset's
  --protocol P               http/protobuf, http/json or grpc
  --compression C            gzip or none
  --token -                  reads the token from standard input: arguments can
                             be seen by others. Two that take theirs in the
                             same header at different addresses need a token
                             for one of them
  --token-file FILE          a file with the token, read again when it changes
  --credential-header NAME   the header that the token is sent in
  --credential-scheme WORD   put before the token, such as Bearer
  --header NAME=VALUE        sent with every request; not for secrets
  --signals LIST             such as metrics,logs; all without it
  --attribute KEY=VALUE      put on telemetry that lacks it
  --proxy P                  system, none, or a URL without a password
  --ca-file FILE             PEM, trusted besides the system's authorities
  --client-cert FILE         PEM, with --client-key FILE, for mutual TLS
  --allow-insecure           lets an http address be on another machine
  --timeout-ms N             for one request in all

Options of import
  --name NAME                its name (default: the preset's, or of the host)
  --signals LIST             only these, where they go to different places
  --credential-header NAME   the header of the token, where the settings name
                             none because "otelHeadersHelper" gives it
  --allow-insecure           lets an http address be on another machine
  --replace                  takes the place of the destination of that name
  --dry-run                  only tells

Presets
${presetLines.join('\n')}

  --json           as JSON
  --policy FILE    another policy file than the machine's

${commonHelp}
Exits with 0 when done; of test, when everything was delivered. 1 when not; 3
when test needs a relay and none runs.
`,
  async run([name, ...args], io) {
    const names = Object.keys(actions);
    if (name === undefined) throw usageError('destination', `Say what to do: ${names.join(', ')}.`);
    const load = Object.hasOwn(actions, name) ? actions[name] : undefined;
    if (load !== undefined) return (await load())(args, io);
    const meant = closest(name, names);
    const hint = meant === undefined ? `It takes ${names.join(', ')}.` : `Did you mean '${meant}'?`;
    throw usageError('destination', `There is no 'destination ${name}'. ${hint}`);
  },
};
