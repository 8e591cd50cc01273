import type { Signal } from '../../../shared/signal.ts';
import { Edits } from './edits.ts';
import { type Attribute, type EncodedAttribute, encodeAttribute, encodeResource } from './encode-attribute.ts';
import { KeyValueReader } from './key-value.ts';
import { attributesFieldOf, requestTypeIds, resourceFieldOf, resourceType, routeOf } from './routes.ts';
import { messages } from './schema.ts';
import { delimited, WireCursor } from './wire.ts';

export type { Attribute } from './encode-attribute.ts';

/** What OTLP's receivers take at most, https://opentelemetry.io/docs/specs/otlp/. */
const maxRequestBytes = 64 * 2 ** 20;

/** Behind the end of every request: there the walk ends, and is known to have failed. */
const nowhere = 2 ** 31 - 1;

const valueTag = (messages.KeyValue.value?.number ?? 0) * 8 + delimited;
const nothing = new Uint8Array();

/**
 * Puts attributes on encoded Export…ServiceRequests: on every resource that lacks them and, as Claude Code copies what
 * OTEL_RESOURCE_ATTRIBUTES says, on every data point, log record and span of it that lacks them (seen in 2.1.328). Where a
 * resource has a key already, its points are left alone as well: a copy must not contradict it. With `override` they all
 * get it, and a value that is there is replaced with all that it holds.
 *
 * What comes in stands at the end of its message. Every other byte stays as it is, except lengths that must grow.
 *
 * protobuf merges a message that is encoded in several parts: a resource lacks a key that is in none of its parts. What is
 * enriched before it is merged is the same as what is enriched after.
 */
export class Enricher {
  readonly #attributes: readonly EncodedAttribute[];
  readonly #resource: Uint8Array;
  readonly #anyOverride: boolean;
  readonly #edits = new Edits();
  #cursor = new WireCursor(nothing);
  #keyValue = new KeyValueReader(this.#cursor);
  /** For every attribute: the last resource, and the last point, that has it. */
  readonly #resourceHaving: Int32Array;
  readonly #pointHaving: Int32Array;
  #resourceNumber = 0;
  #pointNumber = 0;

  /** Of several attributes with the same key, the last one counts. */
  constructor(attributes: readonly Attribute[]) {
    const unique = [...new Map(attributes.map((attribute) => [attribute.key, attribute])).values()];
    this.#attributes = unique.map(encodeAttribute);
    this.#resource = encodeResource(this.#attributes);
    this.#anyOverride = unique.some(({ override }) => override);
    this.#resourceHaving = new Int32Array(unique.length);
    this.#pointHaving = new Int32Array(unique.length);
  }

  /**
   * The very same array where there is nothing to do, and where a request would grow beyond what receivers take. Expects one
   * that `inspectRequest` found well formed; others come back as they are, or as wrong as they are.
   */
  enrich(signal: Signal, body: Uint8Array): Uint8Array {
    if (this.#attributes.length === 0) return body;
    this.#start(body);
    this.#resourceHaving.fill(0);
    this.#pointHaving.fill(0);
    this.#resourceNumber = 0;
    this.#pointNumber = 0;
    const growth = this.#walk(requestTypeIds[signal], body.length);
    const sound = this.#cursor.at === body.length && (growth <= 0 || body.length + growth <= maxRequestBytes);
    const enriched = sound ? this.#edits.apply(body, growth) : body;
    this.#edits.clear();
    this.#start(nothing);
    return enriched;
  }

  #start(body: Uint8Array): void {
    this.#cursor = new WireCursor(body);
    this.#keyValue = new KeyValueReader(this.#cursor);
  }

  /** All of these return by how much the message grows, whose rest is at the cursor and ends at `end`. */
  #walk(type: number, end: number): number {
    const cursor = this.#cursor;
    let growth = 0;
    while (cursor.at < end) {
      const tag = cursor.varint();
      const inner = routeOf(type, tag);
      if (inner < 0) cursor.skip(tag);
      else growth += this.#enter(inner, end, true);
    }
    return growth;
  }

  /** What a request is made of: a resource and its telemetry, in any order. */
  #walkWithResource(type: number, end: number): number {
    const cursor = this.#cursor;
    const lastPart = this.#lookAtResource(type, end);
    const pointsLack = this.#attributes.some((_, index) => this.#belongsOnPoints(index));
    let growth = 0;
    while (cursor.at < end) {
      const tag = cursor.varint();
      const inner = routeOf(type, tag);
      if (inner === resourceType) growth += this.#enter(inner, end, cursor.at === lastPart);
      else if (inner >= 0 && pointsLack) growth += this.#enter(inner, end, true);
      else cursor.skip(tag);
    }
    return lastPart === nowhere ? growth + this.#edits.replace(end, 0, this.#resource) : growth;
  }

  /** Notes which attributes the resource has. Returns where the length of its last part is, or `nowhere`. */
  #lookAtResource(type: number, end: number): number {
    const cursor = this.#cursor;
    const start = cursor.at;
    const attributesTag = attributesFieldOf(resourceType) * 8 + delimited;
    let lastPart = nowhere;
    this.#resourceNumber++;
    while (cursor.at < end) {
      const tag = cursor.varint();
      if (routeOf(type, tag) === resourceType) {
        lastPart = cursor.at;
        const length = cursor.varint();
        const partEnd = Math.min(end, cursor.at + length);
        this.#readAttributes(attributesTag, partEnd, this.#resourceHaving, this.#resourceNumber, false);
      } else {
        cursor.skip(tag);
      }
    }
    cursor.at = start;
    return lastPart;
  }

  /** A message whose tag was just read. `adding`: what a resource or point lacks comes in here. */
  #enter(type: number, parentEnd: number, adding: boolean): number {
    const cursor = this.#cursor;
    const place = cursor.at;
    const length = cursor.varint();
    const width = cursor.at - place;
    const end = cursor.at + length;
    if (end > parentEnd) return this.#giveUp();
    const mark = this.#edits.open();
    let growth: number;
    if (type === resourceType) growth = this.#walkResource(end, adding);
    else if (attributesFieldOf(type) > 0) growth = this.#walkPoint(type, end);
    else if (resourceFieldOf(type) > 0) growth = this.#walkWithResource(type, end);
    else growth = this.#walk(type, end);
    if (cursor.at !== end || this.#edits.addedBytes > maxRequestBytes) return this.#giveUp();
    return this.#edits.close(mark, place, width, length, growth);
  }

  #giveUp(): 0 {
    this.#cursor.at = nowhere;
    return 0;
  }

  #walkResource(end: number, adding: boolean): number {
    const field = attributesFieldOf(resourceType);
    const having = this.#resourceHaving;
    let growth = 0;
    // Otherwise all that is to be known was noted before.
    if (this.#anyOverride)
      growth = this.#readAttributes(field * 8 + delimited, end, having, this.#resourceNumber, true);
    else this.#cursor.at = end;
    if (!adding) return growth;
    for (let index = 0; index < having.length; index++) {
      if (having[index] !== this.#resourceNumber) growth += this.#add(index, field, end);
    }
    return growth;
  }

  #walkPoint(type: number, end: number): number {
    const field = attributesFieldOf(type);
    const having = this.#pointHaving;
    this.#pointNumber++;
    let growth = this.#readAttributes(field * 8 + delimited, end, having, this.#pointNumber, this.#anyOverride);
    for (let index = 0; index < having.length; index++) {
      if (having[index] !== this.#pointNumber && this.#belongsOnPoints(index)) growth += this.#add(index, field, end);
    }
    return growth;
  }

  #belongsOnPoints(index: number): boolean {
    return this.#resourceHaving[index] !== this.#resourceNumber || this.#attributes[index]?.override === true;
  }

  #add(index: number, field: number, end: number): number {
    return this.#edits.replace(end, 0, this.#attributes[index]?.asField[field] ?? nothing);
  }

  /** Reads a resource or point and notes in `having`, by its number, which of the attributes it has. */
  #readAttributes(attributesTag: number, end: number, having: Int32Array, number: number, replacing: boolean): number {
    const cursor = this.#cursor;
    let growth = 0;
    while (cursor.at < end) {
      const tag = cursor.varint();
      if (tag !== attributesTag) {
        cursor.skip(tag);
        continue;
      }
      const place = cursor.at;
      const length = cursor.varint();
      const start = cursor.at;
      if (start + length > end) return this.#giveUp();
      const index = this.#indexOfAttribute(start + length);
      if (cursor.at !== start + length) return this.#giveUp();
      if (index >= 0) {
        having[index] = number;
        const attribute = this.#attributes[index];
        if (replacing && attribute?.override) growth += this.#replaceValue(attribute, place, start, length);
      }
    }
    return growth;
  }

  /** Which of the attributes the KeyValue at the cursor is, or -1. */
  #indexOfAttribute(end: number): number {
    this.#keyValue.read(end);
    const attributes = this.#attributes;
    for (let index = 0; index < attributes.length; index++) {
      if (this.#keyValue.hasKey(attributes[index]?.key ?? nothing)) return index;
    }
    return -1;
  }

  /** Replaces the value of the KeyValue that was just read, unless it is the right one. */
  #replaceValue(attribute: EncodedAttribute, place: number, start: number, length: number): number {
    const cursor = this.#cursor;
    const end = start + length;
    const mark = this.#edits.open();
    let growth = 0;
    let values = 0;
    let same = false;
    cursor.at = start;
    while (cursor.at < end) {
      const fieldStart = cursor.at;
      const tag = cursor.varint();
      if (tag !== valueTag) {
        cursor.skip(tag);
        continue;
      }
      const valueLength = cursor.varint();
      same = valueLength === attribute.value.length && cursor.holds(attribute.value, cursor.at);
      cursor.at += valueLength;
      growth += this.#edits.replace(fieldStart, cursor.at - fieldStart, values === 0 ? attribute.valueField : nothing);
      values++;
    }
    if (cursor.at !== end) return this.#giveUp();
    if (values === 1 && same) return this.#edits.forget(mark);
    if (values === 0) growth += this.#edits.replace(end, 0, attribute.valueField);
    return this.#edits.close(mark, place, start - place, length, growth);
  }
}
