import * as v from 'valibot';
import { type ResolvedConfig, resolveConfig } from './config.ts';
import { lockConfig } from './config-lock.ts';
import { type ConfigProblem, describeKind } from './config-problem.ts';
import { destinationNameOf } from './destination-settings.ts';
import { parseJsonText } from './json-text.ts';
import { type FileContent, type PolicyFile, readConfigFile, readPolicyFile } from './policy-file.ts';
import { writePrivateFile } from './private-file.ts';
import { aList, anObject } from './schemas.ts';
import { readSettings, type SettingsReading, unusable } from './settings.ts';

/** A config file, as it is and as it would be with another text. */
export interface ConfigView {
  readonly file: string;
  /** Its text; of an empty object where there is no file. */
  readonly text: string;
  readonly exists: boolean;
  /** What is on the disk; undefined where nothing is. */
  readonly found: string | undefined;
  /** What policy and config say now. */
  readonly now: ResolvedConfig;
  /** The names of the file's own destinations in their order; undefined where one has no usable name. */
  readonly own: readonly (string | undefined)[];
  /** The names of the policy's destinations. */
  readonly managed: readonly string[];
  /** What would come of another text, and which of the problems are new with it. */
  check(text: string): { readonly resolved: ResolvedConfig; readonly problems: readonly ConfigProblem[] };
}

/** A config file that is about to be changed, and that nobody else changes by a command meanwhile. */
export interface ConfigEditor extends ConfigView {
  /**
   * Puts the text in place of the old one, all at once, for this user alone, and lets others change the file. Rejects with
   * the system's error, and where the file is not any more what was read.
   */
  save(text: string): Promise<void>;
}

export type ConfigOpening =
  | { readonly kind: 'open'; readonly view: ConfigView }
  /** The file cannot be read or changed; one sentence says why and what to do. */
  | { readonly kind: 'refused'; readonly message: string };

export type EditorOpening =
  | { readonly kind: 'open'; readonly editor: ConfigEditor; readonly close: () => Promise<void> }
  | { readonly kind: 'refused'; readonly message: string };

/** Reads the config file, which need not exist, for changes to it; `close` lets others change it. Never rejects. */
export async function openConfigEditor(file: string, policyFile: PolicyFile): Promise<EditorOpening> {
  const lock = await lockConfig(file);
  if (lock.kind === 'refused') return lock;
  const { target, release } = lock;
  const opening = await viewConfig(file, policyFile);
  if (opening.kind === 'refused') {
    await release();
    return opening;
  }
  const { view } = opening;
  const save = async (text: string) => {
    const content = await readConfigFile(target);
    if ((content.kind === 'text' ? content.text : undefined) !== view.found) {
      throw new Error('somebody else has changed it meanwhile: try again');
    }
    await writePrivateFile(target, text);
    await release();
  };
  return { kind: 'open', editor: { ...view, save }, close: release };
}

/** Reads the config file, which need not exist. Never rejects. */
export async function viewConfig(file: string, policyFile: PolicyFile): Promise<ConfigOpening> {
  const content = await readConfigFile(file);
  if (content.kind === 'unusable') {
    return refused(`${file} cannot be read (${content.found}). Make it readable for you.`);
  }
  const text = content.kind === 'text' && content.text.trim() !== '' ? content.text : '{}\n';
  const json = parseJsonText(text);
  if (!json.ok) {
    const { line, column, expected, found } = json;
    const place = `line ${line}, column ${column}: expected ${expected}, found ${found}`;
    return refused(`${file} is not valid JSON (${place}). Correct that first.`);
  }
  if (!v.is(anObject, json.value)) {
    return refused(`${file} holds ${describeKind(json.value)} instead of a JSON object. Correct that first.`);
  }
  const destinations = json.value.destinations ?? [];
  if (!v.is(aList, destinations)) {
    return refused(`"destinations" in ${file} is ${describeKind(destinations)} instead of a list. Correct that first.`);
  }
  const policy = readPolicy(await readPolicyFile(policyFile));
  const resolve = (edited: string): ResolvedConfig => {
    const config = readSettings(edited, { kind: 'config', lastGood: undefined, policy: policy?.settings });
    return resolveConfig({ policy, config }, { policy: undefined, config: undefined });
  };
  const now = resolve(text);
  const known = now.problems.config.map(({ message }) => message);
  return {
    kind: 'open',
    view: {
      file,
      text,
      exists: content.kind === 'text',
      found: content.kind === 'text' ? content.text : undefined,
      now,
      own: destinations.map(destinationNameOf),
      managed: policy?.destinations.map(({ name }) => name) ?? [],
      check(edited) {
        const resolved = resolve(edited);
        return { resolved, problems: resolved.problems.config.filter(({ message }) => !known.includes(message)) };
      },
    },
  };
}

function readPolicy(content: FileContent): SettingsReading | undefined {
  const context = { kind: 'policy', lastGood: undefined } as const;
  switch (content.kind) {
    case 'text':
      return readSettings(content.text, context);
    case 'unusable':
      return unusable('the policy file', content.expected, content.found, context);
    case 'absent':
      return undefined;
  }
}

function refused(message: string): { readonly kind: 'refused'; readonly message: string } {
  return { kind: 'refused', message };
}
