import { writeFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import type { QuarantinedRequest } from '../../shared/quarantine.ts';
import { pointNoun } from '../../shared/signal.ts';
import { countOf, formatBytes, formatNumber, relativeTime } from '../../shared/wording.ts';
import { commonOptions, jsonOption, parseArguments, pathsFrom, takesNoArguments, wholeNumber } from './arguments.ts';
import { CliError, exitCodes, usageError } from './cli-error.ts';
import type { Io } from './io.ts';
import { withSpool } from './spool-access.ts';
import { table } from './table.ts';

/** Resolves with the exit code. */
export type QuarantineAction = (args: readonly string[], io: Io) => Promise<number>;

const options = { ...commonOptions, ...jsonOption };

export const list: QuarantineAction = async (args, io) => {
  const { values, positionals } = parseArguments('quarantine', args, { ...options, destination: { type: 'string' } });
  takesNoArguments('quarantine', positionals);
  const { destination } = values;
  const listing = await withSpool(pathsFrom(values, io), io, async (spool) => {
    if (destination === undefined) return spool.call('quarantineList', {});
    const { ledger } = await spool.call('ledger', {});
    const names = [...new Set(ledger.map((row) => row.destination))];
    if (!names.includes(destination)) throw unknownDestination(destination, names);
    return spool.call('quarantineList', { destination });
  });
  if (values.json) io.out(`${JSON.stringify(listing)}\n`);
  else if (listing.requests.length === 0) io.out('Nothing is in quarantine.\n');
  else io.out(`${listTable(listing.requests, io.clock.now())}\n`);
  return exitCodes.ok;
};

export const show: QuarantineAction = async (args, io) => {
  const { values, positionals } = parseArguments('quarantine', args, {
    ...options,
    unmasked: { type: 'boolean', default: false },
  });
  const id = onlyId('show', positionals);
  const shown = await withSpool(pathsFrom(values, io), io, (spool) =>
    spool.call('quarantineShow', { id, unmasked: values.unmasked }),
  );
  if (values.json) io.out(`${JSON.stringify(shown)}\n`);
  else io.out(`${description(shown.request, io)}\n\n${terminalJson(shown.decoded)}\n`);
  return exitCodes.ok;
};

export const exportPayload: QuarantineAction = async (args, io) => {
  const { values, positionals } = parseArguments('quarantine', args, {
    ...options,
    out: { type: 'string' },
    format: { type: 'string', default: 'protobuf' },
  });
  const id = onlyId('export', positionals);
  const { format } = values;
  if (values.out === undefined) throw usageError('quarantine', 'Say where to write it, with --out FILE.');
  if (values.out === '-') {
    throw usageError('quarantine', '--out takes the name of a new file; standard output is not written to.');
  }
  if (format !== 'protobuf' && format !== 'json') {
    throw usageError('quarantine', `--format takes protobuf or json, not '${format}'.`);
  }
  const content = await withSpool(pathsFrom(values, io), io, async (spool) => {
    if (format === 'protobuf') return Buffer.from((await spool.call('quarantinePayload', { id })).base64, 'base64');
    const { decoded } = await spool.call('quarantineShow', { id, unmasked: true });
    return Buffer.from(`${JSON.stringify(decoded, null, 2)}\n`);
  });
  const file = resolve(values.out);
  await writeNew(file, content);
  const written = { id, file, format, bytes: content.length };
  io.out(
    values.json ? `${JSON.stringify(written)}\n` : `Request ${id} is in ${file} (${formatBytes(content.length)}).\n`,
  );
  return exitCodes.ok;
};

export const retry: QuarantineAction = (args, io) =>
  change(args, io, { name: 'retry', method: 'quarantineRetry', done: 'is back in the queue' });

export const discard: QuarantineAction = (args, io) =>
  change(args, io, { name: 'discard', method: 'quarantineDiscard', done: 'is discarded' });

interface Change {
  readonly name: string;
  readonly method: 'quarantineRetry' | 'quarantineDiscard';
  /** What to say of a request afterwards. */
  readonly done: string;
}

async function change(args: readonly string[], io: Io, { name, method, done }: Change): Promise<number> {
  const { values, positionals } = parseArguments('quarantine', args, options);
  const ids = idsOf(name, positionals);
  const results = await withSpool(pathsFrom(values, io), io, async (spool) => {
    const changed: { readonly id: number; readonly done: boolean }[] = [];
    for (const id of ids) changed.push({ id, ...(await spool.call(method, { id })) });
    return changed;
  });
  if (values.json) io.out(`${JSON.stringify({ results })}\n`);
  else for (const { id } of results.filter((result) => result.done)) io.out(`Request ${id} ${done}.\n`);
  const missing = results.filter((result) => !result.done).map(({ id }) => id);
  if (missing.length > 0) throw notFound(missing);
  return exitCodes.ok;
}

function idsOf(name: string, positionals: readonly string[]): readonly number[] {
  if (positionals.length === 0) throw usageError('quarantine', `Say which request to ${name}, by its ID.`);
  return positionals.map((text) => wholeNumber('quarantine', 'ID', text, { min: 0, max: Number.MAX_SAFE_INTEGER }));
}

function onlyId(name: string, positionals: readonly string[]): number {
  const [id, ...more] = idsOf(name, positionals);
  if (id === undefined || more.length > 0) throw usageError('quarantine', `\`quarantine ${name}\` takes one ID.`);
  return id;
}

function notFound(ids: readonly number[]): CliError {
  const none = ids.length === 1 ? `There is no request ${ids[0]}` : `There are no requests ${ids.join(', ')}`;
  return new CliError(`${none} in quarantine. \`span-relay quarantine list\` shows what there is.`);
}

function unknownDestination(name: string, known: readonly string[]): CliError {
  return new CliError(`There is no destination '${name}' in the books. They have ${known.join(', ') || 'none yet'}.`);
}

/** Only its user can read it, and nothing is overwritten. */
async function writeNew(file: string, content: Uint8Array): Promise<void> {
  try {
    await writeFile(file, content, { flag: 'wx', mode: 0o600 });
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if (code === 'EEXIST') throw new CliError(`${file} exists already. Name a new file with --out.`);
    if (code === 'ENOENT') {
      throw new CliError(`There is no folder ${dirname(file)}. Make it first, or name a file elsewhere with --out.`);
    }
    throw new CliError(`${file} cannot be written: ${error instanceof Error ? error.message : String(error)}`);
  }
}

function listTable(requests: readonly QuarantinedRequest[], now: number): string {
  const columns = [
    { title: 'ID', align: 'right' },
    { title: 'destination', align: 'left' },
    { title: 'signal', align: 'left' },
    { title: 'points', align: 'right' },
    { title: 'size', align: 'right' },
    { title: 'set aside', align: 'left' },
    { title: 'status', align: 'right' },
    { title: 'what it said', align: 'left' },
  ] as const;
  return table(
    columns,
    requests.map((request) => [
      String(request.id),
      request.destination,
      request.signal,
      formatNumber(request.points),
      formatBytes(request.bytes),
      relativeTime(request.quarantinedAt, now),
      request.status === 0 ? '–' : String(request.status),
      request.message,
    ]),
  );
}

function description(request: QuarantinedRequest, io: Io): string {
  const { id, destination, signal, points, bytes, receivedAt, quarantinedAt, status, message } = request;
  const now = io.clock.now();
  return [
    io.style(
      'bold',
      `Request ${id} for ${destination}: ${signal}, ${countOf(points, pointNoun[signal].slice(0, -1))}, ${formatBytes(bytes)}`,
    ),
    `  received ${relativeTime(receivedAt, now)}, set aside ${relativeTime(quarantinedAt, now)}`,
    status === 0 ? `  never sent: ${message}` : `  ${destination} answered ${status}: ${message || 'without a reason'}`,
  ].join('\n');
}

/** JSON leaves the control characters from 7F to 9F as they are; to a terminal some of them are commands. */
function terminalJson(value: unknown): string {
  return JSON.stringify(value, null, 2).replace(
    /[\u007F-\u009F]/g,
    (character) => `\\u00${character.charCodeAt(0).toString(16)}`,
  );
}
