/** Breaks text at blanks into lines of at most `columns`, the first behind `first`, the others behind as many blanks. A longer word stays whole. */
export function wrap(text: string, columns: number, first = ''): string {
  const indent = ' '.repeat(first.length);
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(/\s+/).filter((one) => one !== '')) {
    const longer = line === '' ? word : `${line} ${word}`;
    if (line !== '' && indent.length + longer.length > columns) {
      lines.push(line);
      line = word;
    } else {
      line = longer;
    }
  }
  return `${first}${[...lines, line].join(`\n${indent}`)}`;
}
