import { findPlaceholder } from '../../attribution/placeholder.ts';
import { isCredentialHeader, vendorHeaders } from '../credential-header.ts';
import type { Json } from '../json-edit.ts';
import type { Preset } from '../presets/preset.ts';

export type Keys = { readonly [key: string]: Json };

/** The keys of a destination that its headers make. */
export interface HeaderKeys {
  readonly keys: Keys;
  /** The header that was taken for the credential. */
  readonly header: string | undefined;
  /** Something stands where the credential should be that nobody has filled in. */
  readonly isUnfilled: boolean;
}

type Header = readonly [name: string, value: string];

/** Finds the credential among the headers: that of the vendor, else the one that is called as if it were one. */
export function credentialKeys(headers: readonly Header[], preset: Preset | undefined): HeaderKeys {
  const found = findCredential(headers, preset);
  const others = Object.fromEntries(headers.filter((one) => one !== found));
  const rest = Object.keys(others).length === 0 ? {} : { headers: others };
  if (found === undefined) return { keys: rest, header: undefined, isUnfilled: false };
  const [header, value] = found;
  const isPresets = preset?.credential?.header.toLowerCase() === header.toLowerCase();
  const [, first, second] = /^([A-Za-z][\w.-]*) +(\S+)$/.exec(value) ?? [];
  const scheme = isPresets ? preset.credential?.scheme : first;
  const token = first?.toLowerCase() === scheme?.toLowerCase() && second !== undefined ? second : value;
  const isUnfilled = isPlaceholder(token);
  return {
    keys: {
      ...(isUnfilled ? {} : { token }),
      ...(isPresets ? {} : { credentialHeader: header, ...(scheme === undefined ? {} : { credentialScheme: scheme }) }),
      ...rest,
    },
    header,
    isUnfilled,
  };
}

function findCredential(headers: readonly Header[], preset: Preset | undefined): Header | undefined {
  const named = (wanted: string) => headers.find(([name]) => name.toLowerCase() === wanted.toLowerCase());
  const presets = preset?.credential && named(preset.credential.header);
  const vendors = headers.find(([name]) => vendorHeaders.includes(name.toLowerCase()));
  const called = headers.find(([name]) => isCredentialHeader(name));
  // A vendor whose header is not known sends one header, and it is that.
  const only = preset !== undefined && preset.credential === undefined && headers.length === 1 ? headers[0] : undefined;
  return presets ?? named('authorization') ?? vendors ?? called ?? only;
}

/** A token that a vendor's guide leaves for somebody to fill in: `<PROVIDED_TOKEN>`, `$TOKEN`, `YOUR_API_KEY`, `…`. */
function isPlaceholder(token: string): boolean {
  const isLeftOpen = /^(?:<[^<>]*>|\.{3,}|…+|x{3,}|your[-_ ].*|\$\{?\w+\}?|%\w+%|\{\{.*\}\})$/i.test(token);
  return isLeftOpen || findPlaceholder(token) !== undefined;
}
