import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const root = fileURLToPath(new URL('../../', import.meta.url));

interface Source {
  /** From the repository's root, with forward slashes. */
  readonly path: string;
  readonly text: string;
  /** Modules of ours as paths from the root, others by name. */
  readonly imports: readonly string[];
}

const sources = readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' })
  .filter((name) => /\.(ts|js|mjs)$/.test(name))
  .map((name) => readSource(join('src', name)));

function readSource(path: string): Source {
  const text = readFileSync(join(root, path), 'utf8');
  const named = [...text.matchAll(/(?:\bfrom\s*|\bimport\s*\(?\s*)['"]([^'"]+)['"]/g)].map((match) => match[1] ?? '');
  const imports = named.map((name) => (name.startsWith('.') ? relative(root, join(root, dirname(path), name)) : name));
  return { path, text, imports };
}

function layerOf(path: string): string {
  if (path.startsWith('src/shared/')) return 'shared';
  const part = path.split('/')[2] ?? '';
  return path.startsWith('src/main/') && !part.endsWith('.ts') ? part : path;
}

/** Which layers a layer may import, besides itself. */
const allowed: Readonly<Record<string, readonly string[]>> = {
  shared: [],
  core: ['shared'],
  cli: ['core', 'shared'],
};

describe('the layers', () => {
  it('are the ones that this test knows', () => {
    expect([...new Set(sources.map(({ path }) => layerOf(path)))].sort()).toEqual(Object.keys(allowed).sort());
  });

  it.each(sources)('$path imports only what its layer may', ({ path, imports }) => {
    const layer = layerOf(path);
    const forbidden = imports
      .filter((name) => name.startsWith('src/'))
      .filter((name) => layerOf(name) !== layer && !allowed[layer]?.includes(layerOf(name)));
    expect(forbidden).toEqual([]);
  });

  it('keep Node out of shared', () => {
    const users = sources.filter(
      ({ path, imports, text }) =>
        layerOf(path) === 'shared' &&
        (imports.some((name) => name.startsWith('node:')) || /\b(process|Buffer|require)\b\s*[.(]/.test(text)),
    );
    expect(users.map(({ path }) => path)).toEqual([]);
  });

  it('keep Electron out of what runs under plain Node', () => {
    expect(sources.filter(({ imports }) => imports.includes('electron')).map(({ path }) => path)).toEqual([]);
  });

  it('have no import cycles between files', () => {
    const byPath = new Map(sources.map((source) => [source.path, source]));
    const done = new Set<string>();
    const cycles: string[] = [];
    const visit = (path: string, trail: readonly string[]): void => {
      if (trail.includes(path)) {
        cycles.push([...trail.slice(trail.indexOf(path)), path].join(' -> '));
        return;
      }
      if (done.has(path)) return;
      const source = byPath.get(path);
      const values = source?.text.matchAll(/^import (?!type\b)[^;]*?from '(\.[^']+)'/gm) ?? [];
      for (const [, name] of values) {
        if (name) visit(relative(root, join(root, dirname(path), name)), [...trail, path]);
      }
      done.add(path);
    };
    for (const { path } of sources) visit(path, []);
    expect(cycles).toEqual([]);
  });
});

describe('the world', () => {
  /** Where the clock, the environment and the platform enter; everywhere else they come in through arguments. */
  const doors: Readonly<Record<string, readonly string[]>> = {
    'Date.now': [
      'src/main/core/clock.ts',
      'src/main/core/log.ts',
      'src/main/core/offline.ts',
      'src/main/core/spool/worker.ts',
    ],
    'process.env': ['src/main/cli/io.ts'],
    'Math.random': ['src/main/core/agent.ts'],
  };

  it.each(Object.entries(doors))('%s is read only at the edge', (what, places) => {
    const users = sources.filter(({ text }) => text.includes(what)).map(({ path }) => path);
    expect(users.filter((path) => !places.includes(path))).toEqual([]);
  });
});

describe('the repository', () => {
  it('locks no download addresses', () => {
    expect(readFileSync(join(root, 'package-lock.json'), 'utf8')).not.toContain('"resolved"');
  });

  it('gives every dependency a reason', () => {
    const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as Record<
      string,
      Record<string, string>
    >;
    const reasons = readFileSync(join(root, 'docs/dependencies.md'), 'utf8');
    const names = [...Object.keys(manifest.dependencies ?? {}), ...Object.keys(manifest.devDependencies ?? {})];
    expect(names.filter((name) => !reasons.includes(`\`${name}\``))).toEqual([]);
  });
});
