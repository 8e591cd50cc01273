const newline = 0x0a;

/**
 * Cuts a stream of bytes into lines of at most `maxBytes`. Returns the complete lines of each chunk;
 * 'too-large' when a line is longer than that, after which the stream is of no more use.
 */
export function lineReader(maxBytes: number): (chunk: Uint8Array) => readonly string[] | 'too-large' {
  let parts: Uint8Array[] = [];
  let size = 0;
  return (chunk) => {
    const lines: string[] = [];
    let from = 0;
    for (let end = chunk.indexOf(newline); end !== -1; end = chunk.indexOf(newline, from)) {
      parts.push(chunk.subarray(from, end));
      if (size + end - from > maxBytes) return 'too-large';
      lines.push(Buffer.concat(parts).toString('utf8'));
      parts = [];
      size = 0;
      from = end + 1;
    }
    if (from < chunk.length) {
      parts.push(chunk.subarray(from));
      size += chunk.length - from;
    }
    return size > maxBytes ? 'too-large' : lines;
  };
}
