import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { commands } from '../../src/main/cli/commands.ts';
import { findingCatalogue } from '../../src/shared/finding.ts';

const root = new URL('../../', import.meta.url);
const decisions = markdownIn('docs/decisions/');
const pages = [
  'README.md',
  ...markdownIn('docs/'),
  ...decisions,
  ...markdownIn('bench/'),
  ...markdownIn('bench/loss/'),
];

test('docs/support.md has every finding, and none that there is not', () => {
  const ids = firstColumn('docs/support.md', 'id').flatMap((cell) => [...cell.matchAll(/`([^`]+)`/g)]);
  expect(ids.map(([, id]) => id).toSorted()).toEqual(Object.keys(findingCatalogue).toSorted());
});

test('docs/command-line.md has every command, and none that there is not', () => {
  const names = firstColumn('docs/command-line.md', 'command').map((cell) => /^`([\w-]+)/.exec(cell)?.[1]);
  expect([...new Set(names)].toSorted()).toEqual(Object.keys(commands).toSorted());
});

test('every link between pages leads somewhere', () => {
  const broken = pages.flatMap((page) => {
    const links = [...prose(page).matchAll(/\]\((?!https?:)([^)\s]+)\)/g)].map(([, link = '']) => link);
    return links
      .filter((link) => !leadsSomewhere(new URL(link, new URL(page, root))))
      .map((link) => `${page}: ${link}`);
  });
  expect(broken).toEqual([]);
});

test('what the pages show as JSON is JSON', () => {
  for (const page of pages) {
    for (const [, block = ''] of read(page).matchAll(/```json\n(.*?)```/gs)) {
      expect(() => JSON.parse(block), `${page}: ${block}`).not.toThrow();
    }
  }
});

test('decisions are numbered without a gap, in their names and their titles', () => {
  const numbers = decisions.map((page) => Number(/(\d{4})-/.exec(page)?.[1]));
  expect(numbers).toEqual(decisions.map((_, index) => index + 1));
  expect(decisions.map((page) => Number(/^# (\d+)\. /.exec(read(page))?.[1]))).toEqual(numbers);
});

/** Of the table whose first column is called so. */
function firstColumn(page: string, name: string): string[] {
  const [, , rows = ''] = read(page).split(new RegExp(`^(\\| ${name} \\|.*\\n\\|-.*)$`, 'm'));
  const [table = ''] = rows.trimStart().split('\n\n');
  return table.split('\n').map((row) => /^\| (.*?) \|/.exec(row)?.[1] ?? '');
}

function leadsSomewhere(target: URL): boolean {
  const { hash } = target;
  const file = new URL(target);
  file.hash = '';
  if (!existsSync(file)) return false;
  return hash === '' || anchorsOf(readFileSync(file, 'utf8')).includes(decodeURIComponent(hash.slice(1)));
}

/** As GitHub makes them of headings. */
function anchorsOf(text: string): string[] {
  return [...text.matchAll(/^#+ (.*)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\s_-]/gu, '')
      .replaceAll(' ', '-'),
  );
}

function prose(page: string): string {
  return read(page).replace(/```.*?```/gs, '');
}

function read(page: string): string {
  return readFileSync(new URL(page, root), 'utf8');
}

function markdownIn(folder: string): string[] {
  const names = readdirSync(fileURLToPath(new URL(folder, root))).filter((name) => name.endsWith('.md'));
  return names.toSorted().map((name) => folder + name);
}
