import { createSocket } from 'node:dgram';

/** A DNS server on 127.0.0.1 that knows one name. */
export interface NameServer {
  readonly port: number;
  /** What the name resolves to, in IPv4 addresses; none: it exists and has no address. */
  setAddresses(...addresses: readonly string[]): void;
  stop(): Promise<void>;
}

const headerBytes = 12;
const typeA = 1;

/** Answers every question about addresses alike, whatever the name (RFC 1035, section 4.1). */
export async function startNameServer(...first: readonly string[]): Promise<NameServer> {
  let addresses = first;
  const socket = createSocket('udp4');
  socket.on('message', (question, { port, address }) => {
    const end = question.indexOf(0, headerBytes) + 5;
    const isForAddresses = question.readUInt16BE(end - 4) === typeA;
    const records = (isForAddresses ? addresses : []).map((ip) =>
      // The name by a pointer to the question's, type A, class IN, 1 s to live, four bytes.
      Buffer.from([0xc0, headerBytes, 0, typeA, 0, 1, 0, 0, 0, 1, 0, 4, ...ip.split('.').map(Number)]),
    );
    const header = Buffer.alloc(headerBytes);
    question.copy(header, 0, 0, 2);
    // An answer, authoritative, without recursion; one question.
    header.writeUInt16BE(0x8400, 2);
    header.writeUInt16BE(1, 4);
    header.writeUInt16BE(records.length, 6);
    socket.send(Buffer.concat([header, question.subarray(headerBytes, end), ...records]), port, address);
  });
  await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
  return {
    port: socket.address().port,
    setAddresses(...changed) {
      addresses = changed;
    },
    stop: () => new Promise((resolve) => socket.close(() => resolve())),
  };
}
