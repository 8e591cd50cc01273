/** One system call out of a trace by `strace -f -y`. Begin and end are line numbers: the order in which strace saw them. */
export interface SystemCall {
  readonly name: string;
  /** The arguments as strace prints them, with file descriptors followed by what they are. */
  readonly args: string;
  readonly result: number;
  readonly begin: number;
  readonly end: number;
}

/** The completed calls, in the order of their ends. A call that another thread interrupted is put together again. */
export function parseTrace(trace: string): SystemCall[] {
  const calls: SystemCall[] = [];
  const unfinished = new Map<string, { readonly name: string; readonly args: string; readonly begin: number }>();
  for (const [line, text] of trace.split('\n').entries()) {
    const [, thread = '', call = ''] = /^(\d+) +(?:[\d.]+ +)?(.*)$/.exec(text) ?? [];
    const cut = /^(\w+)\((.*) <unfinished \.\.\.>$/s.exec(call);
    if (cut) {
      unfinished.set(thread, { name: cut[1] ?? '', args: cut[2] ?? '', begin: line });
      continue;
    }
    const resumed = /^<\.\.\. \w+ resumed>(.*)\) += (-?\d+)/s.exec(call);
    const begun = unfinished.get(thread);
    if (resumed && begun) {
      unfinished.delete(thread);
      calls.push({ ...begun, args: begun.args + (resumed[1] ?? ''), result: Number(resumed[2]), end: line });
      continue;
    }
    const whole = /^(\w+)\((.*)\) += (-?\d+)/s.exec(call);
    if (whole) {
      calls.push({ name: whole[1] ?? '', args: whole[2] ?? '', result: Number(whole[3]), begin: line, end: line });
    }
  }
  return calls;
}
