import { beforeEach, describe, expect, test } from 'vitest';
import { DEFAULT_HTTP_CLIENT_CONFIG } from '../../../src/core/http-config.ts';
import { Labels } from '../../../src/core/labels.ts';
import { METRIC_TYPES } from '../../../src/core/metric-types.ts';
import { VirtualClock } from '../../../src/core/virtual-clock.ts';
import type { RemoteWriteConfig, WriteMessage } from '../../../src/storage/remote/config.ts';
import { WriteRequestV2Cursor } from '../../../src/storage/remote/proto/write-request-v2.ts';
import { LogFeed } from '../../../src/storage/remote/send/log-feed.ts';
import type { OutgoingBatch } from '../../../src/storage/remote/send/outgoing-batch.ts';
import { SendProgress } from '../../../src/storage/remote/send/send-progress.ts';
import { Shard } from '../../../src/storage/remote/send/shard.ts';
import { WriteRequestWriter } from '../../../src/storage/remote/send/write-request.ts';
import { RecordWriter } from '../../../src/storage/tsdb/wal/record-writer.ts';

const V2 = 'io.prometheus.write.v2.Request';
const queue: RemoteWriteConfig['queue'] = {
  capacity: 100,
  minShards: 1,
  maxShards: 1,
  maxSamplesPerSend: 100,
  batchSendDeadlineMs: 1000,
  minBackoffMs: 30,
  maxBackoffMs: 5000,
  retryOnRateLimit: true,
  sampleAgeLimitMs: 0,
};

let shard: Shard;
let end = 0;

function feedOf(message: WriteMessage): LogFeed {
  return new LogFeed({
    config: {
      url: 'http://far/write',
      name: 'far',
      timeoutMs: 1000,
      message,
      headers: {},
      relabelConfigs: [],
      sendExemplars: false,
      sendNativeHistograms: false,
      queue,
      metadata: { send: true, sendIntervalMs: 1000, maxSamplesPerSend: 10 },
      roundRobinDns: false,
      logFailedRequests: false,
      http: DEFAULT_HTTP_CLIENT_CONFIG,
    },
    outgoing: { externalLabels: Labels.EMPTY, relabelConfigs: [] },
    progress: new SendProgress({ segment: 0, offset: 0 }),
    shard: () => shard,
    nowMs: () => 0,
    took: () => undefined,
    dropped: () => expect.fail('nothing is dropped'),
  });
}

const writer = new RecordWriter();

function give(feed: LogFeed, isNew: boolean, fill: () => void): void {
  fill();
  feed.record(writer.bytes, { segment: 0, offset: ++end }, isNew);
}

function giveSeries(feed: LogFeed, isNew = true): void {
  give(feed, isNew, () => {
    writer.beginSeries();
    writer.series(1, ['__name__', 'requests_total']);
    writer.series(2, ['__name__', 'other']);
  });
}

function giveMetadata(feed: LogFeed, isNew: boolean, type: string, unit: string, help: string): void {
  give(feed, isNew, () => {
    writer.beginMetadata();
    writer.metadata(1, type, unit, help);
  });
}

function giveSamples(feed: LogFeed): OutgoingBatch {
  give(feed, true, () => {
    writer.beginSamples();
    writer.sample(1, 1000, 0, 0);
    writer.sample(2, 1000, 0, 0);
  });
  return shard.batch();
}

/** What a request says of the metrics of its series. */
function saidIn(batch: OutgoingBatch): string[] {
  const cursor = new WriteRequestV2Cursor();
  cursor.reset(new WriteRequestWriter(V2).batch(batch));
  const said: string[] = [];
  while (cursor.next()) {
    const { type, help, unit } = cursor.metadata;
    said.push(
      `${cursor.symbol(cursor.refs[1]!)}: ${METRIC_TYPES[type]!} ${cursor.symbol(unit)} ${cursor.symbol(help)}`,
    );
  }
  return said;
}

beforeEach(() => {
  shard = new Shard(queue, new VirtualClock(0), () => Promise.resolve());
  end = 0;
});

describe('metadata of the log', () => {
  test('goes out with the samples that follow, the newest', () => {
    const feed = feedOf(V2);
    giveSeries(feed);
    giveMetadata(feed, true, 'gauge', '', 'first');
    giveMetadata(feed, true, 'counter', 'requests', 'Requests so far.');
    expect(saidIn(giveSamples(feed))).toEqual([
      'requests_total: counter requests Requests so far.',
      'other: unknown  ',
    ]);
  });

  test('that was sent before a restart is known after it', () => {
    const feed = feedOf(V2);
    giveSeries(feed, false);
    giveMetadata(feed, false, 'counter', '', 'known');
    expect(saidIn(giveSamples(feed))[0]).toBe('requests_total: counter  known');
  });

  test('of series that the log does not name is passed over', () => {
    const feed = feedOf(V2);
    giveMetadata(feed, true, 'counter', '', 'of nobody');
    giveSeries(feed);
    expect(saidIn(giveSamples(feed))[0]).toBe('requests_total: unknown  ');
  });

  test('is no business of version 1.0', () => {
    const feed = feedOf('prometheus.WriteRequest');
    giveSeries(feed);
    giveMetadata(feed, true, 'counter', '', 'help');
    expect(giveSamples(feed).series[0]!.metadata).toBeUndefined();
  });
});
