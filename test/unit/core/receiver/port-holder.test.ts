import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer as createHttpServer } from 'node:http';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { findPortHolder } from '../../../../src/main/core/receiver/port-holder.ts';
import { listen } from '../../../support/server.ts';

const servers: Server[] = [];
const folders: string[] = [];

afterEach(() => {
  for (const server of servers.splice(0)) server.close();
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
});

function listening(server: Server): Promise<number> {
  servers.push(server);
  return listen(server);
}

function procRoot(port: number, processes: { pid: number; name: string; inode: number }[]): string {
  const root = mkdtempSync(join(tmpdir(), 'proc-'));
  folders.push(root);
  mkdirSync(join(root, 'net'));
  const hex = port.toString(16).toUpperCase().padStart(4, '0');
  const row = (local: string, state: string, inode: number) =>
    `   0: ${local} 00000000:0000 ${state} 00000000:00000000 00:00000000 00000000  501        0 ${inode} 1 0 100 0 0 10 0\n`;
  writeFileSync(
    join(root, 'net', 'tcp'),
    `  sl  local_address rem_address st\n${row(`0100007F:${hex}`, '01', 7)}${row(`0100007F:${hex}`, '0A', 42)}`,
  );
  for (const { pid, name, inode } of processes) {
    mkdirSync(join(root, String(pid), 'fd'), { recursive: true });
    writeFileSync(join(root, String(pid), 'comm'), `${name}\n`);
    symlinkSync(`socket:[${inode}]`, join(root, String(pid), 'fd', '3'));
  }
  return root;
}

const hangUp = () => createServer((socket) => socket.destroy());

test('another Span Relay is recognised by its health answer', async () => {
  const port = await listening(
    createHttpServer((_, response) => response.end('{"service":"span-relay","status":"ready"}')),
  );
  expect(await findPortHolder('127.0.0.1', port, '/nonexistent')).toBe('another Span Relay');
});

test('on Linux the process is named', async () => {
  const port = await listening(hangUp());
  const root = procRoot(port, [
    { pid: 10, name: 'client', inode: 7 },
    { pid: 20, name: 'otelcol', inode: 42 },
  ]);
  expect(await findPortHolder('127.0.0.1', port, root)).toBe('"otelcol" (process 20)');
});

test('who has the port on another address only is not named: that may be the relay itself', async () => {
  const port = await listening(hangUp());
  const root = procRoot(port, [
    { pid: 100, name: 'relay', inode: 43 },
    { pid: 99, name: 'otelcol', inode: 42 },
  ]);
  const hex = port.toString(16).toUpperCase().padStart(4, '0');
  const row = `   0: ${'0'.repeat(24)}01000000:${hex} ${'0'.repeat(32)}:0000 0A 00000000:00000000 00:00000000 00000000  501        0 43 1\n`;
  writeFileSync(join(root, 'net', 'tcp6'), `  sl  local_address remote_address st\n${row}`);
  expect(await findPortHolder('127.0.0.1', port, root)).toBe('"otelcol" (process 99)');
});

test('it is named after its program file where that is known', async () => {
  const port = await listening(hangUp());
  const root = procRoot(port, [{ pid: 20, name: 'MainThread', inode: 42 }]);
  symlinkSync('/opt/collector/otelcol (deleted)', join(root, '20', 'exe'));
  expect(await findPortHolder('127.0.0.1', port, root)).toBe('"otelcol" (process 20)');
});

test("another user's process is told by its user", async () => {
  const port = await listening(hangUp());
  expect(await findPortHolder('127.0.0.1', port, procRoot(port, []))).toBe('another program of user 501');
});

test.each([
  ['hangs up', hangUp()],
  ['answers something else', createHttpServer((_, response) => response.end('<html>'))],
  [
    'answers without end',
    createHttpServer((_, response) => {
      const timer = setInterval(() => response.write('x'.repeat(1000)), 1);
      response.on('close', () => clearInterval(timer));
    }),
  ],
  ['answers garbage', createServer((socket) => socket.end('garbage\r\n\r\n'))],
  ['never answers', createServer()],
])('a program that %s is another program', async (_, server) => {
  const port = await listening(server);
  expect(await findPortHolder('127.0.0.1', port, '/nonexistent')).toBe('another program');
});
