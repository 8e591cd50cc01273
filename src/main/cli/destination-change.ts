import { countOf } from '../../shared/wording.ts';
import type { ResolvedConfig } from '../core/policy/config.ts';
import type { ConfigEditor } from '../core/policy/config-editor.ts';
import { removeFrom, removeMember, setMember } from '../core/policy/json-edit.ts';
import type { RelayPaths } from '../core/policy/paths.ts';
import { commonOptions, jsonOption, parseArguments, pathsFrom, policyOption } from './arguments.ts';
import { CliError, exitCodes, usageError } from './cli-error.ts';
import type { DestinationAction } from './destination.ts';
import { editing, indexOf, isSameName, refuseMistakes, save, uptakeWords } from './destination-edit.ts';
import type { Io } from './io.ts';
import { bookedName, booksInTheWay, ledgerOf, type Owed, owedTo } from './owed.ts';
import { wrap } from './wrap.ts';

const options = { ...commonOptions, ...policyOption, ...jsonOption };

export const remove: DestinationAction = async (args, io) => {
  const { values, positionals } = parseArguments('destination', args, options);
  const [given, ...more] = positionals;
  if (given === undefined || more.length > 0) throw usageError('destination', '`destination remove` takes one name.');
  const paths = pathsFrom(values, io);
  return editing(paths, (editor) => removeNamed(given, { editor, paths, io, json: values.json }));
};

interface Change {
  readonly editor: ConfigEditor;
  readonly paths: RelayPaths;
  readonly io: Io;
  readonly json: boolean;
}

async function removeNamed(given: string, { editor, paths, io, json }: Change): Promise<number> {
  const index = indexOf(given, editor, paths);
  const name = editor.own[index] ?? given;
  const owed = owedTo(name, formerNameOf(name, editor), await ledgerOf(paths, io));
  // A second entry of that name is ignored as long as the first one is there: left behind, it would come into force.
  const indices = indicesOf(name, editor);
  const text = indices.toReversed().reduce((left, at) => removeFrom(left, 'destinations', at), editor.text);
  const isManaged = editor.managed.some((one) => isSameName(one, name));
  const uptake = await save(editor, text, paths, io);
  if (json) {
    io.out(`${JSON.stringify({ removed: name, configFile: editor.file, owedPoints: owed.points, uptake })}\n`);
    return exitCodes.ok;
  }
  const after = editor.check(text).resolved;
  const last = after.config.destinations.length + after.held.length === 0;
  const said = [
    `Removed ${io.style('bold', name)} from ${editor.file}${indices.length === 1 ? '' : `, all ${indices.length} entries of that name`}.`,
    isManaged ? managedWords(name, owed, after, paths) : removedWords(name, owed, after.config.spool.maxAgeDays),
    ...(last ? ['There is no destination any more: what Claude Code sends is kept until there is one.'] : []),
    uptakeWords(uptake, paths),
  ];
  io.out(`${said.map((sentence) => wrap(sentence, io.columns())).join('\n')}\n`);
  return exitCodes.ok;
}

/** What the policy says by itself need not be enough to send anything. */
function managedWords(name: string, { points, words }: Owed, after: ResolvedConfig, { policy }: RelayPaths): string {
  const held = after.held.find((one) => isSameName(one.name, name));
  const waiting = points === 0 ? '' : ` ${words} ${points === 1 ? 'waits' : 'wait'} for it.`;
  if (held === undefined) return `It stays as the policy ${policy.file} alone says.${waiting}`;
  return `The policy ${policy.file} names it too, but by itself not well enough to send anything (${held.mistake}): its data is held until that is corrected.${waiting}`;
}

function removedWords(name: string, { points, words, under }: Owed, maxAgeDays: number): string {
  if (points === 0) return 'Nothing was owed to it.';
  const rename =
    under === name ? '' : ` It is under that name still, for no relay has carried the rename to "${name}" out.`;
  const still = points === 1 ? 'is still owed to it and stays' : 'are still owed to it and stay';
  return `${words} ${still} on disk until ${countOf(maxAgeDays, 'day')} old or the quota is reached; a destination that is called "${under}" again gets them.${rename}`;
}

export const rename: DestinationAction = async (args, io) => {
  const { values, positionals } = parseArguments('destination', args, options);
  const [from, to, ...more] = positionals;
  if (from === undefined || to === undefined || more.length > 0) {
    throw usageError('destination', '`destination rename` takes the old name and the new one.');
  }
  const paths = pathsFrom(values, io);
  return editing(paths, (editor) => renameTo(from, to, { editor, paths, io, json: values.json }));
};

async function renameTo(from: string, to: string, { editor, paths, io, json }: Change): Promise<number> {
  const index = indexOf(from, editor, paths);
  const old = editor.own[index] ?? from;
  refuseTaken(to, old, editor, paths);
  const rows = await ledgerOf(paths, io);
  const former = bookedName(old, formerNameOf(old, editor), rows);
  // A name that differs in letter case only is the same one to the books.
  const formerly = isSameName(former, to) ? undefined : former;
  const inTheWay = formerly === undefined ? undefined : booksInTheWay(to, rows);
  if (inTheWay !== undefined) throw new CliError(inTheWay);
  const renamed = setMember(editor.text, 'destinations', index, { key: 'name', value: to, after: 'name' });
  const text =
    formerly === undefined
      ? removeMember(renamed, 'destinations', index, 'formerly')
      : setMember(renamed, 'destinations', index, { key: 'formerly', value: formerly, after: 'name' });
  refuseMistakes(editor, text, old, { done: 'was not renamed' });
  const owed = owedTo(old, former, rows);
  const uptake = await save(editor, text, paths, io);
  if (json) {
    io.out(`${JSON.stringify({ renamed: old, to, configFile: editor.file, owedPoints: owed.points, uptake })}\n`);
    return exitCodes.ok;
  }
  const waits = owed.points === 1 ? 'waits' : 'wait';
  const waiting = owed.points === 0 ? '' : `, with ${owed.words} that ${waits}`;
  const said = [
    `${old} is called ${io.style('bold', to)} now in ${editor.file}.`,
    `Its books, backlog and quarantine go on under the new name${waiting}.`,
    uptakeWords(uptake, paths),
  ];
  io.out(`${said.map((sentence) => wrap(sentence, io.columns())).join('\n')}\n`);
  return exitCodes.ok;
}

function refuseTaken(to: string, old: string, editor: ConfigEditor, { policy }: RelayPaths): void {
  const { own, managed, file } = editor;
  if (to === old) throw new CliError(`"${old}" is called that already. Nothing was changed.`);
  if (managed.some((one) => isSameName(one, old))) {
    throw new CliError(
      `"${old}" is in the policy ${policy.file} too, under this name: an administrator has to rename it there. Nothing was changed.`,
    );
  }
  if (indicesOf(old, editor).length > 1) {
    throw new CliError(`There are several entries "${old}" in ${file}. Correct that first. Nothing was changed.`);
  }
  const isTaken = (one: string | undefined) => one !== undefined && one !== old && isSameName(one, to);
  const taken = own.find(isTaken);
  if (taken !== undefined)
    throw new CliError(`There is another destination "${taken}" in ${file}. Choose another name.`);
  const takenThere = managed.find(isTaken);
  if (takenThere !== undefined) {
    throw new CliError(
      `There is another destination "${takenThere}" in the policy ${policy.file}. Choose another name.`,
    );
  }
}

function indicesOf(name: string, { own }: ConfigEditor): readonly number[] {
  return own.flatMap((one, index) => (one !== undefined && isSameName(one, name) ? [index] : []));
}

/** A destination that is renamed twice before a relay runs was never known under the first new name. */
function formerNameOf(name: string, { now }: ConfigEditor): string | undefined {
  return [...now.config.destinations, ...now.held].find((one) => isSameName(one.name, name))?.formerly;
}
