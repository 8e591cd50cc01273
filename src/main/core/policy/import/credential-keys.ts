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

/**
 * Finds the credential among the headers: in the one that a person `named`, else in that of the vendor, else in the one that
 * is called as if it were one.
 */
export function credentialKeys(
  headers: readonly Header[],
  preset: Preset | undefined,
  named: string | undefined,
): HeaderKeys {
  const found = named === undefined ? findCredential(headers, preset) : headerNamed(headers, named);
  const others = Object.fromEntries(headers.filter((one) => one !== found));
  const rest = Object.keys(others).length === 0 ? {} : { headers: others };
  const isPresetsHeader = (name: string) => preset?.credential?.header.toLowerCase() === name.toLowerCase();
  if (found === undefined) {
    const own = named === undefined || isPresetsHeader(named) ? {} : { credentialHeader: named };
    return { keys: { ...own, ...rest }, header: named, isUnfilled: false };
  }
  const [header, value] = found;
  const isPresets = isPresetsHeader(header);
  const [, first, second] = /^([A-Za-z][\w.-]*) +(\S+)$/.exec(value) ?? [];
  const scheme = isPresets ? preset?.credential?.scheme : first;
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
  const presets = preset?.credential && headerNamed(headers, preset.credential.header);
  const vendors = headers.find(([name]) => vendorHeaders.includes(name.toLowerCase()));
  const called = headers.find(([name]) => isCredentialHeader(name));
  // A vendor whose header is not known sends one header, and it is that.
  const only = preset !== undefined && preset.credential === undefined && headers.length === 1 ? headers[0] : undefined;
  return presets ?? headerNamed(headers, 'authorization') ?? vendors ?? called ?? only;
}

function headerNamed(headers: readonly Header[], wanted: string): Header | undefined {
  return headers.find(([name]) => name.toLowerCase() === wanted.toLowerCase());
}

/** A token that a vendor's guide leaves for somebody to fill in: `<PROVIDED_TOKEN>`, `$TOKEN`, `YOUR_API_KEY`, `…`. */
function isPlaceholder(token: string): boolean {
  const isLeftOpen = /^(?:<[^<>]*>|\.{3,}|…+|x{3,}|your[-_ ].*|\$\{?\w+\}?|%\w+%|\{\{.*\}\})$/i.test(token);
  return isLeftOpen || findPlaceholder(token) !== undefined;
}
