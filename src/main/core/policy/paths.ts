import { posix, win32 } from 'node:path';
import type { PolicyFile } from './policy-file.ts';

export interface RelayPaths {
  /** The state folder: spool, lock, control socket, machine id, last good config. */
  readonly stateDir: string;
  readonly configFile: string;
  /** The machine-wide file of the same keys. */
  readonly policy: PolicyFile;
}

export interface PathFacts {
  readonly platform: NodeJS.Platform;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The user's home folder. */
  readonly home: string;
}

/**
 * Where state and config are when nobody says otherwise.
 *
 * | system | config file | state folder |
 * |---|---|---|
 * | Linux | `$XDG_CONFIG_HOME/span-relay/config.json` (`~/.config`) | `$XDG_STATE_HOME/span-relay` (`~/.local/state`) |
 * | macOS | `~/Library/Application Support/Span Relay/config.json` | `…/Span Relay/State` |
 * | Windows | `%LOCALAPPDATA%\Span Relay\config.json` | `…\Span Relay\State` |
 *
 * The policy file is where only an administrator can write: `/etc/span-relay/policy.json`,
 * `/Library/Application Support/Span Relay/policy.json`, `C:\Program Files\Span Relay\policy.json`; no variable moves it.
 *
 * The state folder is apart from the config file, so that the watch on the config does not see every write of the spool.
 * Relative XDG paths are ignored, as the XDG Base Directory Specification says.
 */
export function defaultPaths({ platform, env, home }: PathFacts): RelayPaths {
  if (platform === 'win32') {
    const folder = win32.join(env.LOCALAPPDATA || win32.join(home, 'AppData', 'Local'), 'Span Relay');
    return {
      stateDir: win32.join(folder, 'State'),
      configFile: win32.join(folder, 'config.json'),
      policy: administrators('C:\\Program Files\\Span Relay\\policy.json'),
    };
  }
  if (platform === 'darwin') {
    const folder = posix.join(home, 'Library', 'Application Support', 'Span Relay');
    return {
      stateDir: posix.join(folder, 'State'),
      configFile: posix.join(folder, 'config.json'),
      policy: administrators('/Library/Application Support/Span Relay/policy.json'),
    };
  }
  const xdg = (name: string, fallback: string): string => {
    const value = env[name];
    return posix.join(
      value !== undefined && posix.isAbsolute(value) ? value : posix.join(home, fallback),
      'span-relay',
    );
  };
  return {
    stateDir: xdg('XDG_STATE_HOME', '.local/state'),
    configFile: posix.join(xdg('XDG_CONFIG_HOME', '.config'), 'config.json'),
    policy: administrators('/etc/span-relay/policy.json'),
  };
}

function administrators(file: string): PolicyFile {
  return { file, onlyFromAdministrator: true };
}
