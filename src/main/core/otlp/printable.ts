/** Long enough for the first sentences of any vendor, short enough for a line in a window. */
const maxCharacters = 300;

/**
 * Text from outside as one line for a person: without control, format or undecodable characters, at most 300 characters.
 * Undefined when nothing readable is left.
 */
export function printableLine(text: string): string | undefined {
  const line = text.replace(/[\p{C}\p{Z}\ufffd]+/gu, ' ').trim();
  if (line === '') return undefined;
  const characters = Array.from(line);
  return characters.length <= maxCharacters ? line : `${characters.slice(0, maxCharacters - 1).join('')}…`;
}
