import type { NetworkInterfaceInfo } from 'node:os';
import { expect, it } from 'vitest';
import { watchForWake } from '../../../../src/main/core/delivery/wake-watch.ts';
import { handClock } from '../../../support/hand-clock.ts';

function address(ip: string, internal = false): NetworkInterfaceInfo {
  return { address: ip, internal, family: 'IPv4', netmask: '255.255.255.0', mac: '', cidr: null };
}

function watching() {
  const clock = handClock(Date.UTC(2026, 10, 20));
  const reasons: string[] = [];
  let interfaces: Record<string, NetworkInterfaceInfo[]> = { wlan0: [address('192.168.1.5')] };
  const stop = watchForWake({
    clock,
    networkInterfaces: () => interfaces,
    onWake: (reason) => reasons.push(reason),
  });
  return {
    clock,
    reasons,
    stop,
    setInterfaces(next: typeof interfaces) {
      interfaces = next;
    },
  };
}

it('keeps quiet while time passes evenly', () => {
  const { clock, reasons } = watching();
  clock.advance(3_600_000);
  expect(reasons).toEqual([]);
});

it('notices a sleep in which monotonic time stood still', () => {
  const { clock, reasons } = watching();
  clock.setWall(clock.now() + 8 * 3_600_000);
  clock.advance(60_000);
  expect(reasons).toEqual(['sleep']);
});

it('notices a sleep in which monotonic time ran on, by a tick that came late', () => {
  let monotonicMs = 0;
  let tick: () => void = () => undefined;
  const reasons: string[] = [];
  watchForWake({
    clock: {
      now: () => monotonicMs,
      monotonicMs: () => monotonicMs,
      after: (_delayMs, action) => {
        tick = action;
        return () => undefined;
      },
    },
    networkInterfaces: () => ({}),
    onWake: (reason) => reasons.push(reason),
  });
  monotonicMs += 30_000;
  tick();
  expect(reasons).toEqual([]);
  monotonicMs += 3_600_000;
  tick();
  expect(reasons).toEqual(['sleep']);
});

it('notices that the clock was set back', () => {
  const { clock, reasons } = watching();
  clock.setWall(clock.now() - 86_400_000);
  clock.advance(60_000);
  expect(reasons).toEqual(['clock']);
});

it('notices another network', () => {
  const { clock, reasons, setInterfaces } = watching();
  setInterfaces({ wlan0: [address('10.0.0.7')] });
  clock.advance(60_000);
  expect(reasons).toEqual(['network']);
});

it('waits for the next address when the network is gone', () => {
  const { clock, reasons, setInterfaces } = watching();
  setInterfaces({ lo: [address('127.0.0.1', true)] });
  clock.advance(60_000);
  expect(reasons).toEqual([]);
  setInterfaces({ lo: [address('127.0.0.1', true)], eth0: [address('192.168.1.9')] });
  clock.advance(60_000);
  expect(reasons).toEqual(['network']);
});

it('does not mind the link-local addresses of containers', () => {
  const { clock, reasons, setInterfaces } = watching();
  setInterfaces({ wlan0: [address('192.168.1.5')], veth1: [address('fe80::1'), address('169.254.3.4')] });
  clock.advance(60_000);
  expect(reasons).toEqual([]);
});

it('stops', () => {
  const { clock, stop } = watching();
  stop();
  expect(clock.due()).toEqual([]);
});
