import { expect, test } from 'vitest';
import { defaultPaths } from '../../../../src/main/core/policy/paths.ts';

test('Linux follows the XDG Base Directory Specification', () => {
  expect(defaultPaths({ platform: 'linux', env: {}, home: '/home/dev' })).toMatchObject({
    stateDir: '/home/dev/.local/state/span-relay',
    configFile: '/home/dev/.config/span-relay/config.json',
  });
  const env = { XDG_STATE_HOME: '/state', XDG_CONFIG_HOME: '/config' };
  expect(defaultPaths({ platform: 'linux', env, home: '/home/dev' })).toMatchObject({
    stateDir: '/state/span-relay',
    configFile: '/config/span-relay/config.json',
  });
});

test('relative XDG paths are ignored', () => {
  const env = { XDG_STATE_HOME: 'state', XDG_CONFIG_HOME: '' };
  expect(defaultPaths({ platform: 'linux', env, home: '/home/dev' })).toEqual(
    defaultPaths({ platform: 'linux', env: {}, home: '/home/dev' }),
  );
});

test('macOS has both in Application Support, the state in a folder of its own', () => {
  expect(defaultPaths({ platform: 'darwin', env: {}, home: '/Users/dev' })).toMatchObject({
    stateDir: '/Users/dev/Library/Application Support/Span Relay/State',
    configFile: '/Users/dev/Library/Application Support/Span Relay/config.json',
  });
});

test('Windows has both in the local application data, wherever that is', () => {
  const env = { LOCALAPPDATA: 'D:\\Local' };
  expect(defaultPaths({ platform: 'win32', env, home: 'C:\\Users\\dev' })).toMatchObject({
    stateDir: 'D:\\Local\\Span Relay\\State',
    configFile: 'D:\\Local\\Span Relay\\config.json',
  });
  expect(defaultPaths({ platform: 'win32', env: {}, home: 'C:\\Users\\dev' }).configFile).toBe(
    'C:\\Users\\dev\\AppData\\Local\\Span Relay\\config.json',
  );
});

test('the policy is where only an administrator writes, wherever the variables lead', () => {
  const env = { XDG_CONFIG_HOME: '/mine', LOCALAPPDATA: 'D:\\Local', ProgramFiles: 'D:\\Mine' };
  const policyOn = (platform: NodeJS.Platform) => defaultPaths({ platform, env, home: '/home/dev' }).policy;
  expect(policyOn('linux')).toEqual({ file: '/etc/span-relay/policy.json', onlyFromAdministrator: true });
  expect(policyOn('darwin').file).toBe('/Library/Application Support/Span Relay/policy.json');
  expect(policyOn('win32').file).toBe('C:\\Program Files\\Span Relay\\policy.json');
});
