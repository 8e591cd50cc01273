import { readFile } from 'node:fs/promises';
import { isSignal, type Signal } from '../../shared/signal.ts';
import { controlClient } from '../core/control/client.ts';
import type { ResolvedConfig } from '../core/policy/config.ts';
import type { ConfigView } from '../core/policy/config-editor.ts';
import { type ImportedDestination, importSettings as readImport } from '../core/policy/import/import-settings.ts';
import { relayEnv } from '../core/policy/import/relay-env.ts';
import { appendTo, type Json, laidOut, replaceIn } from '../core/policy/json-edit.ts';
import type { RelayPaths } from '../core/policy/paths.ts';
import { commonOptions, jsonOption, parseArguments, pathsFrom, policyOption } from './arguments.ts';
import { CliError, exitCodes, usageError } from './cli-error.ts';
import type { DestinationAction } from './destination.ts';
import { refuseAmbiguity } from './destination-ambiguity.ts';
import { editing, isSameName, refuseMistakes, save, type Uptake, uptakeWords, view } from './destination-edit.ts';
import { importFlags } from './destination-flags.ts';
import { addressWords, credentialWords } from './destination-words.ts';
import type { Io } from './io.ts';
import { wrap } from './wrap.ts';

const options = {
  ...commonOptions,
  ...policyOption,
  ...jsonOption,
  name: { type: 'string' },
  signals: { type: 'string' },
  replace: { type: 'boolean', default: false },
  'credential-header': { type: 'string' },
  'allow-insecure': { type: 'boolean', default: false },
  'dry-run': { type: 'boolean', default: false },
} as const;

export const importSettings: DestinationAction = async (args, io) => {
  const { values, positionals } = parseArguments('destination', args, options);
  const [source, ...more] = positionals;
  if (source === undefined || more.length > 0) {
    throw usageError('destination', '`destination import` takes one file, or - for standard input.');
  }
  const signals = signalsOf(values.signals);
  const paths = pathsFrom(values, io);
  const settingsText = await textOf(source, io);
  const change = async (editor: ConfigView, write: (text: string) => Promise<Uptake | undefined>) => {
    const result = readImport(settingsText, {
      source: source === '-' ? 'Standard input' : source,
      name: values.name,
      signals,
      credentialHeader: values['credential-header'],
      allowInsecure: values['allow-insecure'],
      ownPorts: Object.values(editor.now.config.listen),
    });
    if (result.kind === 'refused') throw new CliError(result.message);
    const imported = result.destination;
    const { text, replaced } = edited(editor, imported, values.replace);
    refuseMistakes(editor, text, imported.name, { done: 'was not imported', flags: importFlags });
    refuseAmbiguity(editor, text, imported.name, {
      done: 'was not imported',
      advice: (others) =>
        `Fill in the token in these settings first, or put one of its own into the config file for ${others}.`,
    });
    const after = editor.check(text).resolved;
    const uptake = await write(text);
    const settings = { env: await envFor(after, imported, paths, io) };
    const told = { imported, after, settings, uptake, replaced };
    io.out(values.json ? `${JSON.stringify(asJson(told, editor))}\n` : asText(told, editor, paths, io));
    return exitCodes.ok;
  };
  if (values['dry-run']) return change(await view(paths), async () => undefined);
  return editing(paths, (editor) => change(editor, (text) => save(editor, text, paths, io)));
};

interface Told {
  readonly imported: ImportedDestination;
  readonly after: ResolvedConfig;
  /** What Claude Code's managed settings have to contain. */
  readonly settings: { readonly env: Readonly<Record<string, string>> };
  /** Undefined where nothing was written. */
  readonly uptake: Uptake | undefined;
  readonly replaced: boolean;
}

async function textOf(source: string, io: Io): Promise<string> {
  if (source === '-') return io.readInput('text', 'Paste the settings, then press Ctrl-D:\n');
  try {
    return await readFile(source, 'utf8');
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if (code === 'ENOENT')
      throw new CliError(`There is no file ${source}. Save the settings that the vendor's page generates there.`);
    throw new CliError(`${source} cannot be read: ${error instanceof Error ? error.message : String(error)}`);
  }
}

function signalsOf(list: string | undefined): readonly Signal[] | undefined {
  if (list === undefined) return undefined;
  const signals = list.split(',').map((one) => one.trim());
  const wrong = signals.find((one) => !isSignal(one));
  if (wrong === undefined) return signals.filter(isSignal);
  throw usageError('destination', `--signals takes a list of metrics, logs and traces, not '${wrong}'.`);
}

function edited(editor: ConfigView, { name, entry }: ImportedDestination, replace: boolean) {
  const index = editor.own.findIndex((known) => known !== undefined && isSameName(known, name));
  if (index < 0) return { text: appendTo(editor.text, 'destinations', entry), replaced: false };
  if (replace) return { text: replaceIn(editor.text, 'destinations', index, entry), replaced: true };
  throw new CliError(
    `There is already a destination "${editor.own[index]}" in ${editor.file}. Give --replace to put these settings in its place, or another name with --name.`,
  );
}

async function envFor(after: ResolvedConfig, { kept }: ImportedDestination, { stateDir }: RelayPaths, io: Io) {
  const client = controlClient(stateDir, io.clock);
  const status = await client.call('status', {});
  client.close();
  const { destinations, listen } = after.config;
  const wanted = new Set(destinations.flatMap(({ signals }) => signals));
  // Port 0 lets the system choose: then only the running relay knows.
  const port = listen.http === 0 && status.kind === 'ok' ? status.value.listen.http.port : listen.http;
  return relayEnv({ port, wanted, kept });
}

function asJson({ imported, settings, uptake, replaced }: Told, { file }: ConfigView): object {
  return {
    imported: imported.name,
    configFile: file,
    written: uptake !== undefined,
    replaced,
    entry: withoutSecrets(imported.entry),
    notes: imported.notes,
    managedSettings: settings,
    remove: imported.superfluous,
    uptake: uptake ?? null,
  };
}

function asText(
  { imported, after, settings, uptake, replaced }: Told,
  { file }: ConfigView,
  paths: RelayPaths,
  io: Io,
): string {
  const { name, notes, superfluous } = imported;
  const columns = io.columns();
  const added = after.config.destinations.find((one) => isSameName(one.name, name));
  const verb = replaced ? ['Replaced', 'Would replace'] : ['Added', 'Would add'];
  const where = replaced ? 'in' : 'to';
  return [
    wrap(`${uptake === undefined ? verb[1] : verb[0]} ${io.style('bold', name)} ${where} ${file}.`, columns),
    ...(added === undefined
      ? []
      : [
          wrap(addressWords(added), columns, '  '),
          wrap(credentialWords(added, after.config.destinations), columns, '  '),
        ]),
    ...notes.map((note) => wrap(note, columns, '  · ')),
    ...(uptake === undefined
      ? [`\n${laidOut(withoutSecrets(imported.entry))}`]
      : [wrap(uptakeWords(uptake, paths), columns)]),
    '',
    wrap("To go through the relay, Claude Code's managed settings have to contain:", columns),
    '',
    JSON.stringify(settings, null, 2),
    '',
    ...(superfluous.length === 0 ? [] : [wrap(`These have to go: ${superfluous.join(', ')}.`, columns)]),
    wrap('Sessions of Claude Code that run take it over when they are started anew.', columns),
    '',
  ].join('\n');
}

/** The entry as it may be shown: the token, the values of headers and what follows a ? stay out. */
function withoutSecrets(entry: ImportedDestination['entry']): { readonly [key: string]: Json } {
  const { token, headers, endpoints, ...open } = entry;
  const hidden = (record: Json | undefined, hide: (value: string) => string) =>
    Object.fromEntries(Object.entries(record ?? {}).map(([name, value]) => [name, hide(String(value))]));
  return {
    ...open,
    ...(endpoints === undefined ? {} : { endpoints: hidden(endpoints, (url) => url.replace(/\?.*/s, '?…')) }),
    ...(token === undefined ? {} : { token: '…' }),
    ...(headers === undefined ? {} : { headers: hidden(headers, () => '…') }),
  };
}
