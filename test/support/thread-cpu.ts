/**
 * Least CPU milliseconds of this thread that some work took, of a few times: what other work on the machine takes does not count.
 * For comparing work with more of the same, as a ratio.
 */
export function leastCpuMs(work: () => void, times = 5): number {
  let least = Infinity;
  for (let i = 0; i < times; i++) {
    const before = process.threadCpuUsage();
    work();
    const { user, system } = process.threadCpuUsage(before);
    least = Math.min(least, (user + system) / 1000);
  }
  return least;
}
