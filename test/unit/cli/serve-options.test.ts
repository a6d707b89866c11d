import { describe, expect, test } from 'vitest';
import { parseServeFlags, readFeatures } from '../../../src/cli/serve-flags.ts';
import { normalisePrefix, optionsFromFlags, parseExternalUrl } from '../../../src/cli/serve-options.ts';
import type { TocsinOptions } from '../../../src/app/index.ts';

function options(...args: string[]): TocsinOptions {
  const flags = parseServeFlags(args);
  return optionsFromFlags(flags, readFeatures(flags).enabled);
}

test.each([
  ['', ''],
  ['/', ''],
  ['a', '/a'],
  ['/a/b/', '/a/b'],
  ['//a//', '/a'],
])('prefix %j is %j', (text, prefix) => {
  expect(normalisePrefix(text)).toBe(prefix);
});

test.each([
  ['', undefined],
  ['http://a:9090', 'http://a:9090'],
  ['https://a/x/', 'https://a/x'],
  ['a.example/x', 'http://a.example/x'],
  ['localhost:9090', 'http://localhost:9090'],
  ['http://a/?q=1#f', 'http://a'],
])('external URL %j is %j', (text, url) => {
  expect(parseExternalUrl(text)).toBe(url);
});

test.each(['ftp://a', 'http://', 'mailto:x'])('external URL %j is refused', (text) => {
  expect(() => parseExternalUrl(text)).toThrow(expect.objectContaining({ code: 'TOCSIN_ERR_USAGE' }));
});

describe('options', () => {
  test('of no flags', () => {
    expect(options()).toMatchObject({
      configFile: undefined,
      alertmanagerConfigFile: undefined,
      dataPath: 'data/',
      lockDataFolder: true,
      retentionMs: undefined,
      listenAddresses: ['0.0.0.0:9090'],
      externalUrl: undefined,
      routePrefix: '',
      enableLifecycle: false,
      enableAdmin: false,
      autoReload: false,
      remoteFlushMs: 60_000,
      rules: { outageToleranceMs: 3_600_000, gracePeriodMs: 600_000, resendDelayMs: 60_000 },
      extraScrapeMetrics: false,
    });
  });

  test.each<[string[], Partial<TocsinOptions>]>([
    [['--web.external-url=http://a/x/'], { externalUrl: 'http://a/x', routePrefix: '/x' }],
    [
      ['--web.external-url=http://a/x', '--web.route-prefix=/'],
      { externalUrl: 'http://a/x', routePrefix: '' },
    ],
    [['--web.route-prefix=y/'], { externalUrl: undefined, routePrefix: '/y' }],
    [['--storage.tsdb.retention.time=1d'], { retentionMs: 86_400_000 }],
    [['--storage.tsdb.retention=2d'], { retentionMs: 172_800_000 }],
    [['--storage.tsdb.retention=2d', '--storage.tsdb.retention.time=1d'], { retentionMs: 86_400_000 }],
    [['--storage.tsdb.wal-segment-size=10MB'], { walSegmentBytes: 10 * 2 ** 20, walCompression: 'snappy' }],
    [['--storage.tsdb.wal-compression-type=zstd'], { walCompression: 'zstd' }],
    [
      ['--no-storage.tsdb.wal-compression', '--storage.tsdb.wal-compression-type=zstd'],
      { walCompression: 'none' },
    ],
    [['--storage.tsdb.no-lockfile'], { lockDataFolder: false }],
    [['--config.auto-reload'], { autoReload: true }],
    [['--enable-feature=auto-reload-config'], { autoReload: true }],
    [['--enable-feature=extra-scrape-metrics'], { extraScrapeMetrics: true }],
    [
      ['--enable-feature=type-and-unit-labels,st-storage'],
      { scrape: { typeAndUnitLabels: true, storeStarts: true, startZeros: false } },
    ],
    [
      ['--enable-feature=created-timestamp-zero-ingestion'],
      { scrape: { typeAndUnitLabels: false, storeStarts: false, startZeros: true } },
    ],
    [['--alertmanager.config.file=am.yml'], { alertmanagerConfigFile: 'am.yml' }],
  ])('of %j', (args, expected) => {
    expect(options(...args)).toMatchObject(expected);
  });

  test.each([
    '--storage.tsdb.wal-segment-size=9MB',
    '--storage.tsdb.wal-segment-size=257MB',
    '--storage.tsdb.wal-segment-size=many',
    '--storage.tsdb.wal-compression-type=gzip',
  ])('%s is refused', (flag) => {
    expect(() => options(flag)).toThrow(expect.objectContaining({ code: 'TOCSIN_ERR_USAGE' }));
  });
});
