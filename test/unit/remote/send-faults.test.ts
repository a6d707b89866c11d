import { expect, test } from 'vitest';
import { AuthorizedHttp } from '../../../src/core/authorized-http.ts';
import { snappyDecompress } from '../../../src/core/compression/snappy.ts';
import { DEFAULT_HTTP_CLIENT_CONFIG } from '../../../src/core/http-config.ts';
import { Labels } from '../../../src/core/labels.ts';
import { createRegistry } from '../../../src/core/metrics.ts';
import { SeededRandom } from '../../../src/core/seeded-random.ts';
import { FakeNetwork } from '../../../src/core/testing/fake-network.ts';
import { MemoryFileSystem } from '../../../src/core/testing/memory-file-system.ts';
import { VirtualClock } from '../../../src/core/virtual-clock.ts';
import type { RemoteWriteConfig } from '../../../src/storage/remote/config.ts';
import { WriteRequestCursor } from '../../../src/storage/remote/proto/write-request.ts';
import { RemoteWriteMetrics } from '../../../src/storage/remote/send/metrics.ts';
import { WriteEndpoint } from '../../../src/storage/remote/send/write-endpoint.ts';
import { WriteQueue } from '../../../src/storage/remote/send/write-queue.ts';
import { RecordWriter } from '../../../src/storage/tsdb/wal/record-writer.ts';
import { PAGE_BYTES, segmentName } from '../../../src/storage/tsdb/wal/wal-format.ts';
import { WalHolds } from '../../../src/storage/tsdb/wal/wal-hold.ts';
import { ownCounters } from '../../../src/storage/tsdb/wal/wal-counters.ts';
import { WalWriter } from '../../../src/storage/tsdb/wal/wal-writer.ts';
import { Lines } from '../storage/small-log.ts';

const config: RemoteWriteConfig = {
  url: 'http://far/write',
  name: 'far',
  timeoutMs: 1000,
  message: 'prometheus.WriteRequest',
  headers: {},
  relabelConfigs: [],
  sendExemplars: false,
  sendNativeHistograms: false,
  queue: {
    capacity: 1000,
    minShards: 1,
    maxShards: 1,
    maxSamplesPerSend: 100,
    batchSendDeadlineMs: 1000,
    minBackoffMs: 30,
    maxBackoffMs: 5000,
    retryOnRateLimit: true,
    sampleAgeLimitMs: 0,
  },
  metadata: { send: false, sendIntervalMs: 1000, maxSamplesPerSend: 10 },
  roundRobinDns: false,
  logFailedRequests: false,
  http: DEFAULT_HTTP_CLIENT_CONFIG,
};

/** A log whose first page is nearly full of names, followed by records of one sample each. */
async function writeLog(files: MemoryFileSystem): Promise<WalWriter> {
  await files.makeFolder('/wal');
  const log = new WalWriter({
    files,
    folder: '/wal',
    segment: 0,
    counters: ownCounters(),
    monotonicMs: () => 0,
    segmentBytes: 8 * PAGE_BYTES,
    compression: 'none',
  });
  await log.start();
  const record = new RecordWriter();
  record.beginSeries();
  record.series(1, ['__name__', 'm']);
  // Fills the first page but for a little.
  record.series(2, ['__name__', 'x'.repeat(PAGE_BYTES - 200)]);
  log.log(record.bytes, true);
  for (let tMs = 1; tMs <= 3000; tMs++) {
    record.beginSamples();
    record.sample(1, tMs, 0, 0);
    log.log(record.bytes, false);
  }
  await log.flush();
  return log;
}

test('what the disk does not give of the log, and records that are not understood, do not end sending', async () => {
  const clock = new VirtualClock(0);
  const files = new MemoryFileSystem();
  const log = await writeLog(files);
  log.log(Uint8Array.of(2, 1), false);
  const last = new RecordWriter();
  last.beginSamples();
  last.sample(1, 5000, 0, 0);
  log.log(last.bytes, false);
  await log.flush();
  const failed: number[] = [];
  files.fault = ({ kind, path, position, sizeBytes }) => {
    const isBad =
      path.endsWith(segmentName(0)) && position < 2 * PAGE_BYTES && position + sizeBytes > PAGE_BYTES;
    if (kind !== 'read' || !isBad) return undefined;
    failed.push(clock.nowMs());
    return { code: 'EIO' };
  };
  const network = new FakeNetwork();
  const sent: number[] = [];
  network.serve('far', ({ body }) => {
    const cursor = new WriteRequestCursor();
    cursor.reset(snappyDecompress(body as Uint8Array, 1 << 20));
    while (cursor.next()) sent.push(...cursor.data.times.subarray(0, cursor.data.samples));
    return { status: 204 };
  });
  const logger = new Lines();
  const http = new AuthorizedHttp({
    http: network,
    files,
    clock,
    random: new SeededRandom(1),
    config: config.http,
  });
  const queue = new WriteQueue({
    config,
    endpoint: new WriteEndpoint(config, http, clock, 'test'),
    log: {
      folder: '/wal',
      progress: log,
      start: { segment: 0, offset: 0 },
      hold: (segment) => new WalHolds(100).hold(segment),
    },
    files,
    clock,
    random: new SeededRandom(1),
    logger,
    metrics: new RemoteWriteMetrics(createRegistry()),
    outgoing: { externalLabels: Labels.EMPTY },
    from: { segment: 0, offset: 0 },
    families: () => [],
  });
  queue.start();
  await clock.advanceBy(60_000);
  const stopped = queue.stop(1000);
  await clock.advanceBy(5000);
  await stopped;
  expect(failed.length).toBeGreaterThan(2);
  expect(sent.at(-1)).toBe(5000);
  expect(sent.length).toBeGreaterThan(500);
  expect(sent.length).toBeLessThan(3001);
  expect(logger.lines.join('\n')).toMatch(/a part of the log cannot be sent: it could not be read/);
  expect(logger.lines.join('\n')).toMatch(/a record of the log cannot be sent/);
});
