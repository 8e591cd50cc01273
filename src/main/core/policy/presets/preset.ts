import type { Signal } from '../../../../shared/signal.ts';
import type { Destination, Protocol } from '../../delivery/destination.ts';

/** What a vendor documents about its OTLP intake, so that a config needs little more than a token. */
export interface Preset {
  /** The vendor's name. */
  readonly title: string;
  /** The vendor's own page, which everything here is from unless a comment names another one. */
  readonly documentation: string;
  /** Base URL; `{name}` stands for a parameter. Absent where the config has to give one. */
  readonly endpoint?: string;
  /** Addresses of single signals, used as they are; with parameters, as above. */
  readonly endpoints?: Readonly<Partial<Record<Signal, string>>>;
  readonly protocol: Protocol;
  readonly compression: Destination['compression'];
  /** The header that carries the credential, and the word before it. Absent where the config has to say. */
  readonly credential?: { readonly header: string; readonly scheme?: string };
  /** What the vendor documents to take. It is for people: a destination gets every signal unless its config says otherwise. */
  readonly signals: readonly Signal[];
  readonly identity: Destination['identity'];
  /** Host names that are the vendor's. Absent where it can be anybody's. */
  readonly hosts?: RegExp;
  readonly parameters: Readonly<Record<string, PresetParameter>>;
  /** What somebody who sets it up has to give; one sentence each. */
  readonly setup: readonly string[];
  /** What to know of it however it was set up; one sentence each. */
  readonly notes: readonly string[];
}

export interface PresetParameter {
  /** What it is and where to find it, to go on after "expected". */
  readonly description: string;
  readonly example: string;
  /** Of the whole value. Nothing that matches can lead to another host than the vendor's. */
  readonly pattern: RegExp;
  /** Taken where the config does not give it. */
  readonly usual?: string;
}
