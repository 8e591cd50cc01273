import { resolve } from 'node:path';
import type { ConfigEditor } from '../core/policy/config-editor.ts';
import { describeName } from '../core/policy/config-problem.ts';
import { isCredentialHeader } from '../core/policy/credential-header.ts';
import { appendTo, type Json, removeMember } from '../core/policy/json-edit.ts';
import { presetNames, presets } from '../core/policy/presets.ts';
import { commonOptions, jsonOption, parseArguments, pathsFrom, policyOption, wholeNumber } from './arguments.ts';
import { CliError, exitCodes, usageError } from './cli-error.ts';
import type { DestinationAction } from './destination.ts';
import { refuseAmbiguity } from './destination-ambiguity.ts';
import { editing, isSameName, refuseMistakes, save, uptakeWords } from './destination-edit.ts';
import { addFlags } from './destination-flags.ts';
import { addressWords, credentialWords } from './destination-words.ts';
import type { Io } from './io.ts';
import { knownToBooks } from './owed.ts';
import { wrap } from './wrap.ts';

const one = { type: 'string' } as const;
const many = { type: 'string', multiple: true } as const;
const options = {
  ...commonOptions,
  ...policyOption,
  ...jsonOption,
  preset: one,
  param: many,
  endpoint: one,
  protocol: one,
  compression: one,
  token: one,
  'token-file': one,
  'credential-header': one,
  'credential-scheme': one,
  header: many,
  signals: one,
  attribute: many,
  proxy: one,
  'ca-file': one,
  'client-cert': one,
  'client-key': one,
  'allow-insecure': { type: 'boolean' },
  'timeout-ms': one,
} as const;

export const add: DestinationAction = async (args, io) => {
  const { values, positionals } = parseArguments('destination', args, options);
  const [name, ...more] = positionals;
  if (name === undefined) throw usageError('destination', 'Say what the destination is to be called.');
  if (more[0] !== undefined) throw usageError('destination', `Unexpected argument '${more[0]}'.`);
  const entry = await entryOf(name, values, io);
  const paths = pathsFrom(values, io);
  return editing(paths, async (editor) => {
    if (editor.own.some((known) => known !== undefined && isSameName(known, name))) {
      throw new CliError(
        `There is already a destination "${name}" in ${editor.file}. Choose another name, or remove that one first.`,
      );
    }
    const text = appendTo(await withoutStaleRename(editor, name, paths, io), 'destinations', entry);
    refuseMistakes(editor, text, name, { done: 'was not added', flags: addFlags });
    refuseAmbiguity(editor, text, name, {
      done: 'was not added',
      advice: (others) =>
        `Give it one with --token - or --token-file FILE, or first put one of its own into the config file for ${others}.`,
    });
    const { destinations } = editor.check(text).resolved.config;
    const added = destinations.find((known) => isSameName(known.name, name));
    const uptake = await save(editor, text, paths, io);
    if (values.json) {
      io.out(`${JSON.stringify({ added: name, configFile: editor.file, uptake })}\n`);
      return exitCodes.ok;
    }
    const preset = added?.preset && presets[added.preset];
    const notes = preset ? [...preset.setup, ...preset.notes] : [];
    io.out(
      [
        `Added ${io.style('bold', name)} to ${editor.file}.`,
        ...(added === undefined
          ? []
          : [
              wrap(addressWords(added), io.columns(), '  '),
              wrap(credentialWords(added, destinations), io.columns(), '  '),
            ]),
        ...notes.map((note) => wrap(note, io.columns(), '  · ')),
        wrap(uptakeWords(uptake, paths), io.columns()),
        '',
      ].join('\n'),
    );
    return exitCodes.ok;
  });
};

type Values = ReturnType<typeof parseArguments<typeof options>>['values'];

/** The entry for the config file, its keys in the order of the documentation. */
async function entryOf(name: string, values: Values, io: Io): Promise<{ readonly [key: string]: Json }> {
  const given = <T extends Json>(key: string, value: T | undefined) => (value === undefined ? {} : { [key]: value });
  const file = (path: string | undefined) => (path === undefined ? undefined : resolve(path));
  const presetName = values.preset;
  if (presetName !== undefined && !presetNames.some((known) => known === presetName)) {
    throw usageError('destination', `There is no preset '${presetName}'. The presets are ${presetNames.join(', ')}.`);
  }
  if (values.token !== undefined && values.token !== '-') {
    throw usageError(
      'destination',
      '--token takes - and reads the token from standard input: other users can see the arguments of a program.',
    );
  }
  if (values.proxy !== undefined && (URL.parse(values.proxy)?.password ?? '') !== '') {
    throw usageError(
      'destination',
      '--proxy takes a URL without a password, because other users can see the arguments of a program. Put such a URL into the config file.',
    );
  }
  const timeout = values['timeout-ms'];
  return {
    name,
    ...given('preset', presetName),
    ...given('parameters', pairs(values.param, '--param')),
    ...given('endpoint', values.endpoint),
    ...given('protocol', values.protocol),
    ...given('compression', values.compression),
    ...given('token', values.token === undefined ? undefined : await readToken(io)),
    ...given('tokenFile', file(values['token-file'])),
    ...given('credentialHeader', values['credential-header']),
    ...given('credentialScheme', values['credential-scheme']),
    ...given('headers', headers(values.header)),
    ...given(
      'signals',
      values.signals?.split(',').map((signal) => signal.trim()),
    ),
    ...given('resourceAttributes', pairs(values.attribute, '--attribute')),
    ...given('proxy', values.proxy),
    ...given('caFile', file(values['ca-file'])),
    ...given('clientCert', file(values['client-cert'])),
    ...given('clientKey', file(values['client-key'])),
    ...given('allowInsecure', values['allow-insecure']),
    ...given(
      'timeoutMs',
      timeout === undefined
        ? undefined
        : wholeNumber('destination', '--timeout-ms', timeout, { min: 100, max: 600_000 }),
    ),
  };
}

async function readToken(io: Io): Promise<string> {
  const token = (await io.readInput('secret', 'Paste the token (it is not shown) and press Enter: ')).trim();
  if (token === '') throw new CliError('There was no token on standard input. Nothing was changed.');
  return token;
}

function headers(given: readonly string[] | undefined): Readonly<Record<string, string>> | undefined {
  const all = pairs(given, '--header');
  const secret = Object.keys(all ?? {}).find(isCredentialHeader);
  if (secret === undefined) return all;
  throw usageError(
    'destination',
    `--header is not for ${secret}, because other users can see the arguments of a program. Use --token -, with --credential-header ${secret} where the preset has no header.`,
  );
}

/** `KEY=VALUE`, split at the first =. */
function pairs(given: readonly string[] | undefined, option: string): Readonly<Record<string, string>> | undefined {
  if (given === undefined) return undefined;
  const split = given.map((text) => {
    const [key = '', value] = text.split(/=(.*)/s);
    if (key === '' || value === undefined) throw usageError('destination', `${option} takes KEY=VALUE.`);
    return [key, value] as const;
  });
  const isSame = ([one]: readonly [string, string], [other]: readonly [string, string]) =>
    option === '--header' ? isSameName(one, other) : one === other;
  const twice = split.find((one, index) => split.slice(0, index).some((before) => isSame(before, one)));
  if (twice !== undefined) throw usageError('destination', `${option} gives ${describeName(twice[0])} twice.`);
  return Object.fromEntries(split);
}

/** A name that another destination had formerly is free again once that one has its books. */
async function withoutStaleRename(
  { text, now, own, file }: ConfigEditor,
  name: string,
  paths: ReturnType<typeof pathsFrom>,
  io: Io,
): Promise<string> {
  const heir = now.config.destinations.find(({ formerly }) => formerly !== undefined && isSameName(formerly, name));
  const index = own.indexOf(heir?.name);
  if (heir === undefined || index < 0) return text;
  const booked = await knownToBooks(paths, io);
  if (booked.some((known) => isSameName(known, name))) {
    throw new CliError(
      `"${heir.name}" in ${file} has yet to take over the books of "${name}". Start the relay once, then add it.`,
    );
  }
  return removeMember(text, 'destinations', index, 'formerly');
}
