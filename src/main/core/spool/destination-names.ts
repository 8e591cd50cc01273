import type { DatabaseSync } from 'node:sqlite';
import type { SpoolDestination } from './spool.ts';
import type { Statements } from './statements.ts';
import { type Succession, successions } from './succession.ts';

type Names = ReadonlyMap<string, number>;

/** The destination that only stands in for one that is not configured yet. */
export interface Placeholder {
  readonly id: number;
  /** The first request that is kept for nobody in particular; what is owed before it is the destination's own. */
  readonly since: number;
}

/** Everything that is owed under the name was kept for nobody in particular. */
const always = 1;

/**
 * The names of the destinations that have books, in memory and in the table `destination`. Books, requests in reserve,
 * hours and quarantine go by the number behind the name, so that a name can change without touching them.
 */
export class DestinationNames {
  readonly #sql: Statements;
  #ids: Names;
  #placeholder: Placeholder | undefined;
  #atBegin: { readonly ids: Names; readonly placeholder: Placeholder | undefined };

  constructor(db: DatabaseSync, sql: Statements) {
    this.#sql = sql;
    const rows = db.prepare('SELECT id, name, placeholder FROM destination ORDER BY id').all();
    const placeholder = rows.find((row) => Number(row.placeholder) > 0);
    this.#ids = new Map(rows.map((row) => [String(row.name), Number(row.id)]));
    this.#placeholder = placeholder && { id: Number(placeholder.id), since: Number(placeholder.placeholder) };
    this.#atBegin = { ids: this.#ids, placeholder: this.#placeholder };
  }

  begin(): void {
    this.#atBegin = { ids: this.#ids, placeholder: this.#placeholder };
  }

  takeBack(): void {
    this.#ids = this.#atBegin.ids;
    this.#placeholder = this.#atBegin.placeholder;
  }

  /** Name and number of each. */
  entries(): Iterable<readonly [name: string, id: number]> {
    return this.#ids;
  }

  idOf(name: string): number | undefined {
    return this.#ids.get(name);
  }

  /** Empty where there is none. */
  nameOf(id: number): string {
    for (const [name, known] of this.#ids) if (known === id) return name;
    return '';
  }

  /** Which of these names take over the books of which others. */
  successions(destinations: readonly SpoolDestination[], hasBooks: (id: number) => boolean): readonly Succession[] {
    return successions(destinations, {
      names: [...this.#ids.keys()],
      hasBooks: (name) => hasBooks(this.#ids.get(name) ?? 0),
      placeholder: this.#placeholder && this.nameOf(this.#placeholder.id),
      isMixed: this.#placeholder !== undefined && this.#placeholder.since > always,
    });
  }

  /** Returns the number of the new name. */
  add(name: string): number {
    const id = Math.max(0, ...this.#ids.values()) + 1;
    this.#sql.addDestination.run(id, name);
    this.#ids = new Map([...this.#ids, [name, id]]);
    return id;
  }

  /** Gives up a name that nothing was ever booked under. */
  remove(id: number): void {
    this.#sql.removeDestination.run(id);
    this.#ids = new Map([...this.#ids].filter(([, known]) => known !== id));
    if (this.#placeholder?.id === id) this.#placeholder = undefined;
  }

  rename(id: number, to: string): void {
    this.#sql.renameDestination.run(to, id);
    this.#ids = new Map([...this.#ids].map(([name, known]) => [known === id ? to : name, known]));
  }

  get placeholder(): Placeholder | undefined {
    return this.#placeholder;
  }

  /** What was kept for nobody in particular has its destination. */
  clearPlaceholder(): void {
    if (this.#placeholder) this.#sql.markPlaceholder.run(0, this.#placeholder.id);
    this.#placeholder = undefined;
  }

  /** `nextId`: of the next request. `hasOwn`: books that a configured destination has begun stay its own. */
  markPlaceholder(destinations: readonly SpoolDestination[], nextId: number, hasOwn: (id: number) => boolean): void {
    for (const { name, placeholder = false } of destinations) {
      const id = this.#ids.get(name);
      if (id === undefined || placeholder === (this.#placeholder?.id === id)) continue;
      this.clearPlaceholder();
      if (!placeholder) continue;
      this.#placeholder = { id, since: hasOwn(id) ? nextId : always };
      this.#sql.markPlaceholder.run(this.#placeholder.since, id);
    }
  }
}
