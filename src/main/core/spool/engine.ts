import type { HourRow } from '../../../shared/ledger.ts';
import type { QuarantinedRequest } from '../../../shared/quarantine.ts';
import type { RepairReport } from '../../../shared/repair.ts';
import type { Signal } from '../../../shared/signal.ts';
import { busyTimeoutMs, classifyFault, closeQuietly, pragmaNumber, storedBytes } from './database.ts';
import { enforceQuota, expire } from './eviction.ts';
import { ensureReserve, keepDamaged, releaseReserve, spoolFiles } from './files.ts';
import { checkpoint, makeRoom } from './full-disk.ts';
import { purgeHours, readHours, readRepairs } from './history.ts';
import { type OpenOptions, openStore, repairStore } from './open-store.ts';
import {
  discardQuarantined,
  listQuarantined,
  quarantinedCounts,
  quarantinedPayload,
  retryQuarantined,
} from './quarantine.ts';
import { verify } from './recount.ts';
import type { Batch, BatchLimits, Settlement, SpoolBooks, SpoolDestination, SpoolLimits } from './spool.ts';
import type { AcceptedRequest, SpoolStore } from './store.ts';
import { WatermarkFile } from './watermark.ts';

/** Everything that changes data or books; each runs inside a transaction, several of them may share one. */
export type Change =
  | { readonly op: 'accept'; readonly requests: readonly AcceptedRequest[] }
  | { readonly op: 'refuse'; readonly signal: number; readonly points: number }
  | { readonly op: 'destinations'; readonly destinations: readonly SpoolDestination[] }
  | { readonly op: 'pick'; readonly destination: string; readonly signal: Signal; readonly limits: BatchLimits }
  | { readonly op: 'settle'; readonly destination: string; readonly signal: Signal; readonly settlement: Settlement }
  | { readonly op: 'release'; readonly destination: string; readonly signal: Signal; readonly possiblySent: boolean }
  | { readonly op: 'retry'; readonly id: number }
  | { readonly op: 'discard'; readonly id: number };

export type Outcome<T = ChangeValue> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly kind: 'disk-full' | 'unavailable'; readonly message: string };

export type ChangeValue = readonly number[] | Batch | boolean | undefined;

const attempts = 3;
const rowsPerStep = 512;
const vacuumPages = 1000;
const freePagesKept = 256;

/**
 * The spool in one thread: a store that repairs itself, makes room when the disk is full, and keeps the watermark.
 * Everything is synchronous; the worker thread calls it.
 */
export class SpoolEngine {
  readonly #options: OpenOptions;
  #limits: SpoolLimits;
  #destinations: readonly SpoolDestination[];
  #store: SpoolStore;
  #watermark: WatermarkFile;
  /** The disk had no room, and the reserve is given up: room is made before every commit. */
  #pressed = false;
  /** Somebody was refused, and has been told why. */
  #diskFull = false;
  #quarantined: { readonly asOf: number; readonly counts: SpoolBooks['quarantined'] } | undefined;

  constructor(options: OpenOptions & { readonly limits: SpoolLimits }) {
    this.#options = options;
    this.#limits = options.limits;
    this.#destinations = options.destinations;
    this.#store = this.#open();
    this.#watermark = new WatermarkFile(spoolFiles(options.folder).watermark);
    if (!this.#pressed) this.#pressed = !ensureReserve(spoolFiles(options.folder).reserve);
    this.#commitInterrupted();
    this.keepWatermark();
  }

  get store(): SpoolStore {
    return this.#store;
  }

  /** Runs the changes in one transaction where that is possible. The outcomes are in the same order. */
  change(changes: readonly Change[]): readonly Outcome[] {
    const together = this.#attempt(changes);
    if (together) return together;
    if (changes.length === 1) return [this.#refusal()];
    return changes.map((one) => this.#attempt([one])?.[0] ?? this.#refusal());
  }

  setLimits(limits: SpoolLimits): void {
    this.#limits = limits;
  }

  /**
   * To be called after changes, best when they have been answered: nobody waits for it. It may stay behind (on a full
   * disk, after a crash): the books themselves are in the spool.
   */
  keepWatermark(): void {
    try {
      this.#watermark.write(this.#store.books.watermark());
    } catch (error) {
      if (!(error instanceof Error && 'code' in error)) throw error;
    }
  }

  /** One bounded step of house-keeping. Returns true while there is more to do. */
  maintainStep(): boolean {
    try {
      return this.#guard(() => this.#maintain());
    } catch (error) {
      if (classifyFault(error) !== 'full') throw error;
      this.#feelPressure();
      return false;
    }
  }

  #maintain(): boolean {
    const store = this.#store;
    store.forgetReadings();
    const more = store.transaction(() => {
      purgeHours(store.db, this.#options.now());
      const expired = expire(store, this.#limits, this.#options.now(), rowsPerStep);
      return enforceQuota(store, this.#limits.maxBytes, { rows: rowsPerStep }) || expired;
    });
    this.keepWatermark();
    const unused = pragmaNumber(store.db, 'freelist_count') - freePagesKept;
    if (unused > 0) store.db.exec(`PRAGMA incremental_vacuum(${Math.min(vacuumPages, unused)})`);
    if (more || unused > vacuumPages) return true;
    // Somebody may be reading the whole file (the integrity check): that is not waited for.
    store.db.exec('PRAGMA busy_timeout = 0');
    checkpoint(store, 'TRUNCATE');
    store.db.exec(`PRAGMA busy_timeout = ${busyTimeoutMs}`);
    if (ensureReserve(spoolFiles(this.#options.folder).reserve)) {
      this.#pressed = false;
      this.#reportDisk(false);
    }
    return false;
  }

  hours(hours: number): readonly HourRow[] {
    return this.#guard(() => readHours(this.#store.db, hours, this.#options.now()));
  }

  verify(): readonly string[] {
    return this.#guard(() => verify(this.#store));
  }

  repairs(): readonly RepairReport[] {
    return this.#guard(() => readRepairs(this.#store.db));
  }

  quarantineList(destination?: string): readonly QuarantinedRequest[] {
    return this.#guard(() => listQuarantined(this.#store, destination));
  }

  quarantinePayload(id: number): { readonly request: QuarantinedRequest; readonly body: Uint8Array } | undefined {
    return this.#guard(() => quarantinedPayload(this.#store, id));
  }

  books(): SpoolBooks {
    return this.#guard(() => {
      const store = this.#store;
      if (this.#quarantined?.asOf !== store.quarantineChanges) {
        this.#quarantined = { asOf: store.quarantineChanges, counts: quarantinedCounts(store) };
      }
      return { ...store.books.snapshot(), quarantined: this.#quarantined.counts, usedBytes: store.usedBytes() };
    });
  }

  /** Rebuilds the spool from what can be read of it, because something found damage in it. */
  repair(reason: string): void {
    const { folder, now } = this.#options;
    const keptIn = keepDamaged(folder, now());
    closeQuietly(this.#store.db);
    this.#watermark.close();
    repairStore({ ...this.#options, destinations: this.#destinations }, reason, keptIn);
    this.#store = this.#open();
    this.#watermark = new WatermarkFile(spoolFiles(folder).watermark);
    this.keepWatermark();
    this.#quarantined = undefined;
  }

  close(): void {
    if (this.#store.db.isOpen) this.keepWatermark();
    this.#watermark.close();
    closeQuietly(this.#store.db);
  }

  #open(): SpoolStore {
    const options = { ...this.#options, destinations: this.#destinations };
    try {
      return openStore(options);
    } catch (error) {
      if (classifyFault(error) !== 'full') throw error;
      this.#feelPressure();
      return openStore(options);
    }
  }

  /** On a full disk it waits for the next commit that succeeds. */
  #commitInterrupted(): void {
    if (!this.#store.books.hasInterrupted) return;
    try {
      this.#guard(() => this.#store.transaction(() => undefined));
    } catch (error) {
      if (classifyFault(error) !== 'full') throw error;
      this.#feelPressure();
    }
  }

  /** Undefined when there is no room on the disk, also after making some. */
  #attempt(changes: readonly Change[]): readonly Outcome[] | undefined {
    for (let tries = 0; tries < attempts; tries++) {
      try {
        if (this.#pressed && !this.#guard(() => makeRoom(this.#store, bytesOf(changes)))) return undefined;
        const outcomes = this.#guard(() => this.#store.transaction(() => this.#apply(changes)));
        this.#afterCommit(changes);
        return outcomes;
      } catch (error) {
        if (classifyFault(error) !== 'full') throw error;
        this.#feelPressure();
      }
    }
    return undefined;
  }

  #feelPressure(): void {
    this.#pressed = true;
    releaseReserve(spoolFiles(this.#options.folder).reserve);
  }

  #apply(changes: readonly Change[]): readonly Outcome[] {
    const firstNew = this.#store.books.nextId;
    const outcomes = changes.map((change): Outcome => ({ ok: true, value: this.#applyOne(change) }));
    if (this.#store.books.nextId > firstNew) enforceQuota(this.#store, this.#limits.maxBytes, { keepFrom: firstNew });
    return outcomes;
  }

  #applyOne(change: Change): ChangeValue {
    const store = this.#store;
    switch (change.op) {
      case 'accept':
        return change.requests.map((request) => store.accept(request));
      case 'refuse':
        return void store.refuse(change.signal, change.points);
      case 'destinations':
        return void store.books.setDestinations(change.destinations);
      case 'pick':
        return store.pick(change.destination, change.signal, change.limits);
      case 'settle':
        return void store.settle(change.destination, change.signal, change.settlement);
      case 'release':
        return void store.release(change.destination, change.signal, change.possiblySent);
      case 'retry':
        return retryQuarantined(store, change.id);
      case 'discard':
        return discardQuarantined(store, change.id);
    }
  }

  #afterCommit(changes: readonly Change[]): void {
    for (const change of changes) {
      if (change.op === 'destinations') this.#destinations = change.destinations;
    }
    // At once, so that the file takes the room it needs before another program does.
    if (this.#pressed) checkpoint(this.#store, 'PASSIVE');
    if (changes.some(({ op }) => op === 'accept')) this.#reportDisk(false);
  }

  /** Runs `work`; when it meets damage, repairs the spool and runs it again. */
  #guard<T>(work: () => T): T {
    try {
      return work();
    } catch (error) {
      if (classifyFault(error) !== 'damaged') throw error;
      this.repair(error instanceof Error ? error.message : String(error));
      return work();
    }
  }

  #refusal(): Outcome {
    this.#reportDisk(true);
    return { ok: false, kind: 'disk-full', message: 'the disk is full and there is no older data to remove' };
  }

  #reportDisk(full: boolean): void {
    if (this.#diskFull === full) return;
    this.#diskFull = full;
    this.#options.emit({ kind: full ? 'disk-full' : 'disk-ok' });
  }
}

/** What new payloads take on the disk. */
function bytesOf(changes: readonly Change[]): number {
  return changes
    .flatMap((change) => (change.op === 'accept' ? change.requests : []))
    .reduce((total, { body }) => total + storedBytes(body.length), 0);
}
