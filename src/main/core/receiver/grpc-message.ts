import type { Refusal } from './refusal.ts';
import * as refusals from './refusal.ts';

/** Length-Prefixed-Message: a flag and the length, https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md. */
const prefixBytes = 5;

export type Step =
  | { readonly ok: true; readonly piece: Uint8Array }
  | { readonly ok: false; readonly refusal: Refusal };

const nothing = { ok: true, piece: new Uint8Array(0) } as const;

/** Takes the one message out of the body of a unary call, piece by piece, without keeping any of it. */
export class UnaryMessage {
  readonly #maxBytes: number;
  readonly #mayBeCompressed: boolean;
  /** What has come of the prefix, where it comes in pieces. */
  #prefix: Uint8Array = nothing.piece;
  /** Of the message; undefined until the prefix is whole. */
  #missingBytes: number | undefined;
  #compressed = false;

  constructor(options: { readonly maxBytes: number; readonly mayBeCompressed: boolean }) {
    this.#maxBytes = options.maxBytes;
    this.#mayBeCompressed = options.mayBeCompressed;
  }

  /** By the message's own flag: known with its first piece. */
  get compressed(): boolean {
    return this.#compressed;
  }

  /** What of the message is in this piece of the body. */
  read(bytes: Uint8Array): Step {
    if (this.#missingBytes !== undefined) return this.#continue(bytes);
    const start = this.#prefix.length === 0 ? bytes : Buffer.concat([this.#prefix, bytes]);
    if (start.length < prefixBytes) {
      this.#prefix = start;
      return nothing;
    }
    const refusal = this.#readPrefix(start);
    return refusal ? { ok: false, refusal } : this.#continue(start.subarray(prefixBytes));
  }

  /** What is wrong with a body that ends here. */
  end(): Refusal | undefined {
    if (this.#missingBytes === 0) return undefined;
    const isEmpty = this.#missingBytes === undefined && this.#prefix.length === 0;
    return isEmpty ? refusals.noMessageRefusal : refusals.truncatedMessageRefusal;
  }

  #readPrefix(start: Uint8Array): Refusal | undefined {
    const flag = start[0] ?? 0;
    if (flag > 1) return refusals.messageFlagRefusal;
    if (flag === 1 && !this.#mayBeCompressed) return refusals.noGrpcEncodingRefusal;
    let bytes = 0;
    for (let at = 1; at < prefixBytes; at++) bytes = bytes * 256 + (start[at] ?? 0);
    if (bytes > this.#maxBytes) return refusals.tooLargeRefusal(this.#maxBytes);
    this.#compressed = flag === 1;
    this.#missingBytes = bytes;
    return undefined;
  }

  #continue(bytes: Uint8Array): Step {
    const missing = this.#missingBytes ?? 0;
    if (bytes.length > missing) return { ok: false, refusal: refusals.secondMessageRefusal };
    this.#missingBytes = missing - bytes.length;
    return bytes.length === 0 ? nothing : { ok: true, piece: bytes };
  }
}
