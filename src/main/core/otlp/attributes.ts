import { type IdentityKey, identityKeys } from '../../../shared/attribution.ts';
import type { Signal } from '../../../shared/signal.ts';
import { findPlaceholder } from '../attribution/placeholder.ts';
import { KeyValueReader } from './key-value.ts';
import { attributesFieldOf, requestTypeIds, resourceFieldOf, resourceType, routeOf } from './routes.ts';
import { ownServiceName } from './synthetic.ts';
import { delimited, WireCursor } from './wire.ts';

/**
 * The `service.version` of the first resource of a request: the version of the Claude Code that sent it. Undefined where
 * there is none. Expects a request that `inspectRequest` found well formed.
 */
export function resourceServiceVersion(signal: Signal, body: Uint8Array): string | undefined {
  return new FirstAttributes(body, [serviceVersion], false).read(signal)[0]?.text;
}

/** Whether a request is a test of the relay's own, or of another one. */
export function isTest(signal: Signal, body: Uint8Array): boolean {
  return new FirstAttributes(body, [serviceName], false).read(signal)[0]?.text === ownServiceName;
}

/**
 * Whether a vendor could tell whose telemetry a request is: `usable` where an attribute that names a person holds an e-mail
 * address, in the first resource or its first point: a request comes from one process. `placeholder` where such an attribute
 * holds a variable that nobody filled in, whatever the others hold: a vendor that prefers it sees no person.
 */
export type Identity = 'usable' | 'placeholder' | 'none';

/** Expects a request that `inspectRequest` found well formed. Microseconds, whatever the size of the request. */
export function identityOf(signal: Signal, body: Uint8Array): Identity {
  const attributes = new FirstAttributes(body, identityKeyBytes, true).read(signal);
  if (attributes.some(({ text }) => !plainAddress.test(text) && findPlaceholder(text) !== undefined))
    return 'placeholder';
  return attributes.some(({ text }) => holdsAddress(text)) ? 'usable' : 'none';
}

export interface IdentityPlaceholder {
  readonly key: IdentityKey;
  /** Nothing but the variable, such as `%Email%`. */
  readonly placeholder: string;
}

/** What a request whose identity is a `placeholder` holds in the place of one. */
export function identityPlaceholderOf(signal: Signal, body: Uint8Array): IdentityPlaceholder | undefined {
  for (const { index, text } of new FirstAttributes(body, identityKeyBytes, true).read(signal)) {
    const placeholder = findPlaceholder(text);
    const key = identityKeys[index];
    if (placeholder !== undefined && key !== undefined) return { key, placeholder };
  }
  return undefined;
}

/** Whether a text holds an e-mail address that vendors can know somebody by: one with a domain. */
export function holdsAddress(text: string): boolean {
  return (
    plainAddress.test(text) ||
    /[^\s@<>"(),:;]@[\p{L}\d](?:[\p{L}\d-]*\.)+[\p{L}\d-]*[\p{L}\d]/u.test(text.slice(0, 1024))
  );
}

/** Nearly all that there are. */
const plainAddress = /^[\w.+-]{1,100}@[\w-]{1,100}(?:\.[\w-]{1,100}){1,10}$/;

const serviceName = Buffer.from('service.name');
const serviceVersion = Buffer.from('service.version');
const identityKeyBytes = identityKeys.map((key) => Buffer.from(key));

interface FoundAttribute {
  /** Which of the keys it has. */
  readonly index: number;
  readonly text: string;
}

/** Reads attributes that are text, with certain keys, of the first resource of a request and of its first point. */
class FirstAttributes {
  readonly #cursor: WireCursor;
  readonly #keyValue: KeyValueReader;
  readonly #keys: readonly Uint8Array[];
  readonly #found: FoundAttribute[] = [];
  #lookingForPoint: boolean;

  constructor(body: Uint8Array, keys: readonly Uint8Array[], ofPoint: boolean) {
    this.#cursor = new WireCursor(body);
    this.#keyValue = new KeyValueReader(this.#cursor);
    this.#keys = keys;
    this.#lookingForPoint = ofPoint;
  }

  read(signal: Signal): readonly FoundAttribute[] {
    this.#walk(requestTypeIds[signal], this.#cursor.bytes.length);
    return this.#found;
  }

  #walk(type: number, end: number): void {
    const cursor = this.#cursor;
    while (cursor.at < end) {
      const tag = cursor.varint();
      const inner = routeOf(type, tag);
      if (inner < 0 || (inner !== resourceType && resourceFieldOf(inner) === 0 && !this.#lookingForPoint)) {
        cursor.skip(tag);
        continue;
      }
      const innerEnd = Math.min(end, cursor.varint() + cursor.at);
      if (attributesFieldOf(inner) > 0) this.#readAttributes(inner, innerEnd);
      else this.#walk(inner, innerEnd);
      cursor.at = innerEnd;
      // One resource is enough, and all of it has been seen.
      if (resourceFieldOf(inner) > 0) return;
    }
  }

  #readAttributes(type: number, end: number): void {
    const cursor = this.#cursor;
    const attributesTag = attributesFieldOf(type) * 8 + delimited;
    if (type !== resourceType) this.#lookingForPoint = false;
    while (cursor.at < end) {
      const tag = cursor.varint();
      if (tag !== attributesTag) {
        cursor.skip(tag);
        continue;
      }
      const attributeEnd = Math.min(end, cursor.varint() + cursor.at);
      this.#keyValue.read(attributeEnd);
      cursor.at = attributeEnd;
      const index = this.#keys.findIndex((key) => this.#keyValue.hasKey(key));
      const text = index < 0 ? undefined : this.#keyValue.text();
      if (text !== undefined) this.#found.push({ index, text });
    }
  }
}
