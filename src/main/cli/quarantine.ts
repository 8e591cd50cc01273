import { closest } from '../../shared/closest.ts';
import { usageError } from './cli-error.ts';
import { type Command, commonHelp } from './commands.ts';
import { discard, exportPayload, list, type QuarantineAction, retry, show } from './quarantine-actions.ts';

const actions: Readonly<Record<string, QuarantineAction>> = { list, show, retry, export: exportPayload, discard };

export const command: Command = {
  help: `Looks after the requests that a destination called malformed. They are set aside, not lost.

Usage: span-relay quarantine list [--destination NAME]
       span-relay quarantine show ID [--unmasked]
       span-relay quarantine retry ID...
       span-relay quarantine export ID --out FILE [--format protobuf|json]
       span-relay quarantine discard ID...

  list             what is set aside, and what the destination said
  show             one request, decoded; confidential values are masked unless --unmasked
  retry            puts requests back into the queue of their destination
  export           writes one request to a new file that only you can read, as it was sent (protobuf) or as OTLP/JSON
  discard          removes requests for good; the ledger counts them as dropped

  --json           as JSON

${commonHelp}
Works whether the relay runs or not. Exits with 1 when there is no request with that ID.
`,
  async run([name, ...args], io) {
    const names = Object.keys(actions);
    if (name === undefined) throw usageError('quarantine', `Say what to do: ${names.join(', ')}.`);
    const action = Object.hasOwn(actions, name) ? actions[name] : undefined;
    if (action !== undefined) return action(args, io);
    const meant = closest(name, names);
    const hint = meant === undefined ? `It takes ${names.join(', ')}.` : `Did you mean '${meant}'?`;
    throw usageError('quarantine', `There is no 'quarantine ${name}'. ${hint}`);
  },
};
