import { readFileSync } from 'node:fs';

/** Clock ticks a second of /proc (fixed at 100 on Linux for user space). */
const TICKS_PER_SECOND = 100;

/** CPU and memory of a running process. */
export interface ProcessFigures {
  readonly cpuSeconds: number;
  readonly residentBytes: number;
  /** Most that was resident at once since the process began. */
  readonly peakBytes: number;
}

/** Reads /proc; Linux only. */
export function readProcess(pid: number): ProcessFigures {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  // The name may hold spaces and parentheses; fields count from behind its last parenthesis.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const cpuSeconds = (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const bytes = (field: string): number =>
    Number(new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(status)?.[1] ?? 0) * 1024;
  return { cpuSeconds, residentBytes: bytes('VmRSS'), peakBytes: bytes('VmHWM') };
}

/** `a / b` with three digits, or a dash when there is nothing to compare with. */
export function ratio(a: number, b: number | undefined): string {
  return b === undefined || b === 0 ? '–' : (a / b).toFixed(2);
}
