import { mkdir, realpath } from 'node:fs/promises';
import { dirname } from 'node:path';
import * as v from 'valibot';
import { type ResolvedConfig, resolveConfig } from './config.ts';
import { type ConfigProblem, describeKind } from './config-problem.ts';
import { destinationNameOf } from './destination-settings.ts';
import { parseJsonText } from './json-text.ts';
import { type FileContent, type PolicyFile, readConfigFile, readPolicyFile } from './policy-file.ts';
import { writePrivateFile } from './private-file.ts';
import { aList, anObject } from './schemas.ts';
import { readSettings, type SettingsReading, unusable } from './settings.ts';

/** A config file that is about to be changed. */
export interface ConfigEditor {
  readonly file: string;
  /** Its text; of an empty object where there is no file. */
  readonly text: string;
  readonly exists: boolean;
  /** What policy and config say now. */
  readonly now: ResolvedConfig;
  /** The names of the file's own destinations in their order; undefined where one has no usable name. */
  readonly own: readonly (string | undefined)[];
  /** The names of the policy's destinations. */
  readonly managed: readonly string[];
  /** What would come of another text, and which of the problems are new with it. */
  check(text: string): { readonly resolved: ResolvedConfig; readonly problems: readonly ConfigProblem[] };
  /** Puts the text in place of the old one, all at once, for this user alone. Rejects with the system's error. */
  save(text: string): Promise<void>;
}

export type EditorOpening =
  | { readonly kind: 'open'; readonly editor: ConfigEditor }
  /** The file cannot be changed; one sentence says why and what to do. */
  | { readonly kind: 'refused'; readonly message: string };

/** Reads the config file, which need not exist, for changes to it. Never rejects. */
export async function openConfigEditor(file: string, policyFile: PolicyFile): Promise<EditorOpening> {
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
    editor: {
      file,
      text,
      exists: content.kind === 'text',
      now,
      own: destinations.map(destinationNameOf),
      managed: policy?.destinations.map(({ name }) => name) ?? [],
      check(edited) {
        const resolved = resolve(edited);
        return { resolved, problems: resolved.problems.config.filter(({ message }) => !known.includes(message)) };
      },
      save: (edited) => save(file, edited),
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

/** A link stays a link: what it leads to is replaced. */
async function save(file: string, text: string): Promise<void> {
  await mkdir(dirname(file), { recursive: true, mode: 0o700 });
  await writePrivateFile(await realpath(file).catch(() => file), text);
}

function refused(message: string): EditorOpening {
  return { kind: 'refused', message };
}
