import { expect, test } from 'vitest';
import { controlPath } from '../../../../src/main/core/control/control-path.ts';

const linux = { platform: 'linux', tmpDir: '/tmp' } as const;

test('the socket is in the state folder', () => {
  expect(controlPath('/home/dev/state/', linux)).toEqual({
    path: '/home/dev/state/control.sock',
    folder: '/home/dev/state',
    inTmpDir: false,
  });
});

test('a path that is too long for a socket becomes a short one, the same every time and another for another folder', () => {
  const long = `/home/${'é'.repeat(45)}`;
  const { path, folder, inTmpDir } = controlPath(long, linux);
  expect(path).toMatch(/^\/tmp\/span-relay-[0-9a-f]{16}\/control\.sock$/);
  expect(`${folder}/control.sock`).toBe(path);
  expect(inTmpDir).toBe(true);
  expect(controlPath(long, linux).path).toBe(path);
  expect(controlPath(`${long}x`, linux).path).not.toBe(path);
});

test('Windows has a named pipe for each state folder', () => {
  const windows = { platform: 'win32', tmpDir: 'C:\\Temp' } as const;
  expect(controlPath('/one', windows).path).toMatch(/^\\\\\.\\pipe\\span-relay-[0-9a-f]{16}$/);
  expect(controlPath('/one', windows).path).not.toBe(controlPath('/two', windows).path);
});
