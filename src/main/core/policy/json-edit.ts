import { type JsonMember, type JsonNode, jsonTree, memberOf } from './json-tree.ts';

/**
 * Changes to a JSON text that leave everything else in it as it was, to the last blank. The text is known to be valid JSON
 * whose root is an object; what is named is there unless a function says otherwise.
 */

export type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json };

/** Appends to the list that is a member of the root; the list is made where there is none. */
export function appendTo(text: string, key: string, value: Json): string {
  const root = jsonTree(text);
  const list = memberOf(root, key)?.value;
  if (list?.kind === 'list') return inserted(text, list, list.items, (style) => written(value, style));
  if (root.kind !== 'object') return text;
  return inserted(text, root, root.members, (style) => {
    const inner = { ...style, indent: style.indent + style.unit };
    const item = written(value, inner);
    const isInline = style.newline === '';
    return isInline
      ? `${JSON.stringify(key)}: [${item}]`
      : `${JSON.stringify(key)}: [${style.newline}${inner.indent}${item}${style.newline}${style.indent}]`;
  });
}

/** Replaces an item of the list. */
export function replaceIn(text: string, key: string, index: number, value: Json): string {
  const item = itemOf(text, key, index);
  if (item === undefined) return text;
  const style = { ...styleOf(text), indent: indentationAt(text, item.start) };
  return spliced(text, item.start, item.end, written(value, style));
}

/** Removes an item of the list. */
export function removeFrom(text: string, key: string, index: number): string {
  const list = memberOf(jsonTree(text), key)?.value;
  return list?.kind === 'list' ? without(text, list, list.items, index) : text;
}

/** Sets a member of an object in the list: in its place where it is there, else after the member `after`. */
export function setMember(
  text: string,
  list: string,
  index: number,
  member: { readonly key: string; readonly value: Json; readonly after: string },
): string {
  const item = itemOf(text, list, index);
  const found = memberOf(item, member.key);
  if (found !== undefined) return spliced(text, found.value.start, found.value.end, JSON.stringify(member.value));
  const before = memberOf(item, member.after);
  if (before === undefined) return text;
  const newline = isOnOwnLine(text, before.start) ? `${lineEnd(text)}${indentationAt(text, before.start)}` : ' ';
  const addition = `,${newline}${JSON.stringify(member.key)}: ${JSON.stringify(member.value)}`;
  return spliced(text, before.end, before.end, addition);
}

/** Removes a member of an object in the list, where it is there. */
export function removeMember(text: string, list: string, index: number, key: string): string {
  const item = itemOf(text, list, index);
  const found = memberOf(item, key);
  if (item?.kind !== 'object' || found === undefined) return text;
  return without(text, item, item.members, item.members.indexOf(found));
}

function itemOf(text: string, key: string, index: number): JsonNode | undefined {
  const list = memberOf(jsonTree(text), key)?.value;
  return list?.kind === 'list' ? list.items[index] : undefined;
}

interface Style {
  /** Empty where everything stands in one line. */
  readonly newline: string;
  /** One step of indentation. */
  readonly unit: string;
  /** Of the line that the value starts in. */
  readonly indent: string;
}

/** How the text is laid out as a whole. */
function styleOf(text: string): Style {
  const unit = /\n([ \t]+)\S/.exec(text)?.[1] ?? '  ';
  return { newline: text.trim().includes('\n') ? lineEnd(text) : '', unit, indent: '' };
}

function lineEnd(text: string): string {
  return text.includes('\r\n') ? '\r\n' : '\n';
}

type Part = JsonNode | JsonMember;

/** Puts something behind the last part of an object or a list, laid out as the parts before it are. */
function inserted(text: string, node: JsonNode, parts: readonly Part[], write: (style: Style) => string): string {
  const style = styleOf(text);
  const last = parts.at(-1);
  if (last !== undefined) {
    if (!isOnOwnLine(text, last.start)) {
      return spliced(text, last.end, last.end, `, ${write({ ...style, newline: '' })}`);
    }
    const indent = indentationAt(text, last.start);
    const newline = lineEnd(text);
    return spliced(text, last.end, last.end, `,${newline}${indent}${write({ ...style, newline, indent })}`);
  }
  const isRoot = node.start === jsonTree(text).start;
  const newline = isRoot ? lineEnd(text) : style.newline;
  const outer = indentationAt(text, node.start);
  const indent = outer + style.unit;
  const body = write({ ...style, newline, indent });
  const [open, close] = [text.charAt(node.start), text.charAt(node.end - 1)];
  const filled =
    newline === '' ? `${open}${body}${close}` : `${open}${newline}${indent}${body}${newline}${outer}${close}`;
  return spliced(text, node.start, node.end, filled);
}

function without(text: string, node: JsonNode, parts: readonly Part[], index: number): string {
  const part = parts[index];
  if (part === undefined) return text;
  const before = parts[index - 1];
  const after = parts[index + 1];
  if (before !== undefined) return spliced(text, before.end, part.end, '');
  if (after !== undefined) return spliced(text, part.start, after.start, '');
  return spliced(text, node.start + 1, node.end - 1, '');
}

function spliced(text: string, start: number, end: number, replacement: string): string {
  return text.slice(0, start) + replacement + text.slice(end);
}

function lineStart(text: string, at: number): number {
  return text.lastIndexOf('\n', at - 1) + 1;
}

function isOnOwnLine(text: string, at: number): boolean {
  return at > 0 && lineStart(text, at) > 0 && text.slice(lineStart(text, at), at).trim() === '';
}

function indentationAt(text: string, at: number): string {
  return /^[ \t]*/.exec(text.slice(lineStart(text, at), at))?.[0] ?? '';
}

/** A value laid out as this file lays values out. */
export function laidOut(value: Json): string {
  return written(value, { newline: '\n', unit: '  ', indent: '' });
}

/** What fits into a line of this many characters stays in one line. */
const lineWidth = 100;

/** A value as a person would write it: short ones in one line. */
function written(value: Json, style: Style): string {
  const inline = inlined(value);
  const isShort = style.indent.length + inline.length <= lineWidth;
  if (style.newline === '' || isShort || typeof value !== 'object' || value === null) return inline;
  const inner = { ...style, indent: style.indent + style.unit };
  const isList = Array.isArray(value);
  const parts = isList
    ? value.map((item: Json) => written(item, inner))
    : Object.entries(value).map(([key, item]) => `${JSON.stringify(key)}: ${written(item, inner)}`);
  const [open, close] = isList ? '[]' : '{}';
  const lines = parts.map((part) => `${style.newline}${inner.indent}${part}`);
  return `${open}${lines.join(',')}${style.newline}${style.indent}${close}`;
}

function inlined(value: Json): string {
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map((item: Json) => inlined(item)).join(', ')}]`;
  const members = Object.entries(value).map(([key, item]) => `${JSON.stringify(key)}: ${inlined(item)}`);
  return members.length === 0 ? '{}' : `{ ${members.join(', ')} }`;
}
