/** Writes to a data folder until it is killed, and prints the number of each commit that resolved. */
import { SeededRandom } from '../../../src/core/seeded-random.ts';
import { FloatHistogram } from '../../../src/core/histogram/float-histogram.ts';
import { silentLogger } from '../../../src/core/log.ts';
import { Labels } from '../../../src/core/labels.ts';
import { createRegistry } from '../../../src/core/metrics.ts';
import { NodeFileSystem } from '../../../src/core/system/node-file-system.ts';
import { SystemClock } from '../../../src/core/system/system-clock.ts';
import { Tsdb } from '../../../src/storage/tsdb/index.ts';

const [path, from] = process.argv.slice(2);
const tsdb = await Tsdb.open({
  files: new NodeFileSystem(),
  path: path!,
  clock: new SystemClock(),
  logger: silentLogger,
  registry: createRegistry(),
  random: new SeededRandom(1),
  retention: { timeMs: 0, sizeBytes: 0, percentage: 0 },
  walSegmentBytes: 64 * 1024,
  lock: { pid: process.pid, isAlive: () => false },
});
for (let i = Number(from); ; i++) {
  const appender = tsdb.appender(i);
  for (let pod = 0; pod < 40; pod++) {
    // Every commit also makes a series, so that torn series records occur too.
    const labels = pod === 0 ? { n: String(i) } : { pod: String(pod) };
    appender.append(appender.series(Labels.fromObject(labels)), i, i);
  }
  const rich = (name: string): number => appender.series(Labels.fromObject({ rich: name }));
  const histogram = new FloatHistogram({
    count: i,
    positiveSpans: Int32Array.of(0, 2),
    positiveBuckets: Float64Array.of(i, 7),
  });
  appender.appendRich(rich('histogram'), i, { value: 0, histogram, startMs: 0 });
  appender.appendRich(rich('start'), i, { value: i, histogram: undefined, startMs: i - 3 });
  await appender.commit();
  process.stdout.write(`${i}\n`);
}
