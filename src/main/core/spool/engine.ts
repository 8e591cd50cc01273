import type { HourRow } from '../../../shared/ledger.ts';
import type { QuarantinedRequest } from '../../../shared/quarantine.ts';
import type { Signal } from '../../../shared/signal.ts';
import { classifyFault, closeQuietly, pragmaNumber } from './database.ts';
import { enforceQuota, evictBytes, expire } from './eviction.ts';
import { ensureReserve, keepDamaged, releaseReserve, spoolFiles } from './files.ts';
import { type OpenOptions, openStore, repairStore } from './open-store.ts';
import {
  discardQuarantined,
  listQuarantined,
  quarantinedCounts,
  quarantinedPayload,
  retryQuarantined,
} from './quarantine.ts';
import { verify } from './recount.ts';
import type {
  Batch,
  BatchLimits,
  RepairReport,
  Settlement,
  SpoolBooks,
  SpoolDestination,
  SpoolLimits,
} from './spool.ts';
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

const roomBytes = 1024 * 1024;
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
  #diskFull = false;
  #quarantined: SpoolBooks['quarantined'] = [];

  constructor(options: OpenOptions & { readonly limits: SpoolLimits }) {
    this.#options = options;
    this.#limits = options.limits;
    this.#destinations = options.destinations;
    this.#store = openStore(options);
    this.#watermark = new WatermarkFile(spoolFiles(options.folder).watermark);
    ensureReserve(spoolFiles(options.folder).reserve);
    this.#quarantined = quarantinedCounts(this.#store);
  }

  get store(): SpoolStore {
    return this.#store;
  }

  /** Runs the changes in one transaction where that is possible. The outcomes are in the same order. */
  change(changes: readonly Change[]): readonly Outcome[] {
    const together = this.#attempt(changes);
    if (together) return together;
    return changes.map((one) => this.#attempt([one])?.[0] ?? this.#refusal());
  }

  setLimits(limits: SpoolLimits): void {
    this.#limits = limits;
  }

  /** One bounded step of house-keeping. Returns true while there is more to do. */
  maintainStep(): boolean {
    return this.#guard(() => {
      const { db } = this.#store;
      const expired = this.#store.transaction(() => expire(this.#store, this.#limits, this.#options.now(), 500));
      this.#store.transaction(() => {
        this.#store.purgeHours();
        enforceQuota(this.#store, this.#limits.maxBytes, Number.MAX_SAFE_INTEGER);
      });
      this.#quarantined = quarantinedCounts(this.#store);
      this.#writeWatermark();
      const free = pragmaNumber(db, 'freelist_count');
      if (free > freePagesKept) db.exec(`PRAGMA incremental_vacuum(${Math.min(vacuumPages, free)})`);
      const more = expired > 0 || free - vacuumPages > freePagesKept;
      if (!more) {
        db.exec('PRAGMA wal_checkpoint(TRUNCATE)');
        ensureReserve(spoolFiles(this.#options.folder).reserve);
      }
      return more;
    });
  }

  hours(hours: number): readonly HourRow[] {
    return this.#guard(() => this.#store.hours(hours));
  }

  verify(): readonly string[] {
    return this.#guard(() => verify(this.#store));
  }

  repairs(): readonly RepairReport[] {
    return this.#guard(() => this.#store.repairs());
  }

  quarantineList(destination?: string): readonly QuarantinedRequest[] {
    return this.#guard(() => listQuarantined(this.#store, destination));
  }

  quarantinePayload(id: number): { readonly request: QuarantinedRequest; readonly body: Uint8Array } | undefined {
    return this.#guard(() => quarantinedPayload(this.#store, id));
  }

  books(): SpoolBooks {
    return { ...this.#store.books(), quarantined: this.#quarantined, usedBytes: this.#store.usedBytes() };
  }

  /** Rebuilds the spool from what can be read of it, because something found damage in it. */
  repair(reason: string): void {
    const keptIn = keepDamaged(this.#options.folder, this.#options.now());
    closeQuietly(this.#store.db);
    this.#watermark.close();
    const options = { ...this.#options, destinations: this.#destinations };
    repairStore(options, reason, keptIn);
    this.#store = openStore(options);
    this.#watermark = new WatermarkFile(spoolFiles(options.folder).watermark);
    this.#quarantined = quarantinedCounts(this.#store);
  }

  close(): void {
    this.#writeWatermark();
    this.#watermark.close();
    closeQuietly(this.#store.db);
  }

  /** Undefined when there is no room on the disk, also after making some. */
  #attempt(changes: readonly Change[]): readonly Outcome[] | undefined {
    for (let tries = 0; ; tries++) {
      try {
        const outcomes = this.#guard(() => this.#store.transaction(() => this.#apply(changes)));
        this.#afterCommit(changes);
        return outcomes;
      } catch (error) {
        if (classifyFault(error) !== 'full') throw error;
        if (tries >= 2) return undefined;
        this.#makeRoom();
      }
    }
  }

  #apply(changes: readonly Change[]): readonly Outcome[] {
    const firstNew = this.#store.nextId;
    const outcomes = changes.map((change): Outcome => ({ ok: true, value: this.#applyOne(change) }));
    if (this.#store.nextId > firstNew) enforceQuota(this.#store, this.#limits.maxBytes, firstNew);
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
        return void store.setDestinations(change.destinations);
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
    if (changes.some(({ op }) => op === 'settle' || op === 'retry' || op === 'discard')) {
      this.#quarantined = quarantinedCounts(this.#store);
    }
    this.#writeWatermark();
    if (this.#diskFull) this.#reportDisk(false);
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

  /** By the quota's rule: the oldest data goes, and the space of the log is used again. */
  #makeRoom(): void {
    releaseReserve(spoolFiles(this.#options.folder).reserve);
    const { db } = this.#store;
    try {
      db.exec('PRAGMA wal_checkpoint(TRUNCATE)');
      this.#store.transaction(() => evictBytes(this.#store, roomBytes));
      db.exec('PRAGMA wal_checkpoint(TRUNCATE)');
    } catch (error) {
      if (classifyFault(error) !== 'full') throw error;
    }
  }

  #refusal(): Outcome {
    if (!this.#diskFull) this.#reportDisk(true);
    return { ok: false, kind: 'disk-full', message: 'the disk is full and there is no older data to remove' };
  }

  #reportDisk(full: boolean): void {
    this.#diskFull = full;
    this.#options.emit({ kind: full ? 'disk-full' : 'disk-ok' });
  }

  #writeWatermark(): void {
    try {
      this.#watermark.write(this.#store.watermark());
    } catch (error) {
      // On a full disk the copy of the books stays behind; the books themselves are in the spool.
      if (!(error instanceof Error && 'code' in error && error.code === 'ENOSPC')) throw error;
    }
  }
}
