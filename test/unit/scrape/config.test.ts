import { describe, expect, test } from 'vitest';
import { configKey } from '../../../src/core/config-key.ts';
import { parseJobs } from './scrape-world.ts';

const job = (lines: string, global = '{}') =>
  parseJobs(
    `global: ${global}\nscrape_configs:\n  - job_name: j\n${lines.replaceAll(/^(?=.)/gm, '    ')}\n`,
  )[0]!;

describe('scrape configs', () => {
  test('defaults', () => {
    const { discovery, http, ...config } = job('');
    expect(discovery).toEqual([]);
    expect(http.followRedirects).toBe(true);
    expect(config).toEqual({
      jobName: 'j',
      scrapeIntervalMs: 60_000,
      scrapeTimeoutMs: 10_000,
      metricsPath: '/metrics',
      scheme: 'http',
      params: {},
      honorLabels: false,
      honorTimestamps: true,
      trackTimestampsStaleness: false,
      scrapeProtocols: undefined,
      fallbackScrapeProtocol: undefined,
      enableCompression: true,
      bodySizeLimitBytes: 0,
      sampleLimit: 0,
      targetLimit: 0,
      labelLimit: 0,
      labelNameLengthLimit: 0,
      labelValueLengthLimit: 0,
      keepDroppedTargets: 0,
      metricNameValidationScheme: 'utf8',
      metricNameEscapingScheme: 'allow-utf-8',
      histograms: { native: false, alwaysClassic: false, convertClassic: false },
      nativeHistogramBucketLimit: 0,
      nativeHistogramMinBucketFactor: 0,
      extraScrapeMetrics: false,
      scrapeFailureLogFile: '',
      relabelConfigs: [],
      metricRelabelConfigs: [],
    });
  });

  test.each([
    ['the timeout follows a short interval', 'scrape_interval: 5s', '{}', { scrapeTimeoutMs: 5000 }],
    [
      'global values',
      '',
      '{ scrape_interval: 20s, sample_limit: 5, body_size_limit: 1MB }',
      { scrapeIntervalMs: 20_000, sampleLimit: 5, bodySizeLimitBytes: 1024 * 1024 },
    ],
    ['a job cannot lift a global limit', 'sample_limit: 0', '{ sample_limit: 5 }', { sampleLimit: 5 }],
    ['a job may tighten it', 'sample_limit: 3', '{ sample_limit: 5 }', { sampleLimit: 3 }],
    [
      'a job may switch off what global switches on',
      'extra_scrape_metrics: false',
      '{ extra_scrape_metrics: true }',
      { extraScrapeMetrics: false },
    ],
    [
      'legacy names ask for underscores',
      'metric_name_validation_scheme: legacy',
      '{}',
      { metricNameEscapingScheme: 'underscores' },
    ],
    [
      'what is made of histograms',
      'scrape_native_histograms: true',
      '{ convert_classic_histograms_to_nhcb: true }',
      {
        histograms: { native: true, alwaysClassic: false, convertClassic: true },
      },
    ],
    [
      'protocols of global are taken',
      '',
      '{ scrape_protocols: [PrometheusText0.0.4] }',
      { scrapeProtocols: ['PrometheusText0.0.4'] },
    ],
    [
      'a job may leave native histograms off',
      'scrape_native_histograms: false\nalways_scrape_classic_histograms: true',
      '{ scrape_native_histograms: true }',
      {
        histograms: { native: false, alwaysClassic: true, convertClassic: false },
      },
    ],
    [
      'limits of native histograms',
      'native_histogram_bucket_limit: 10\nnative_histogram_min_bucket_factor: 1.2\nfallback_scrape_protocol: PrometheusProto',
      '{}',
      {
        nativeHistogramBucketLimit: 10,
        nativeHistogramMinBucketFactor: 1.2,
        fallbackScrapeProtocol: 'PrometheusProto',
      },
    ],
  ])('%s', (_, lines, global, expected) => {
    expect(job(lines, global)).toMatchObject(expected);
  });

  test.each([
    ['scrape_timeout: 2m', 'scrape timeout greater than scrape interval for scrape config with job name "j"'],
    [
      'scrape_protocols: [PrometheusProto2]',
      'unknown scrape protocol PrometheusProto2, supported: PrometheusProto OpenMetricsText1.0.0',
    ],
    ['scrape_protocols: [Wibble]', 'unknown scrape protocol Wibble, supported:'],
    ['scrape_protocols: []', 'scrape_protocols cannot be empty'],
    [
      'scrape_protocols: [PrometheusText0.0.4, PrometheusText0.0.4]',
      'duplicated protocol in scrape_protocols',
    ],
    ['native_histogram_bucket_limit: -1', 'native_histogram_bucket_limit'],
    ['eureka_sd_configs: [{}]', '"eureka_sd_configs" in scrape_configs[0] is not in this version'],
    ['probe: { metod: GET }', 'unknown key "metod" in scrape_configs[0].probe; did you mean "method"?'],
    [
      'scrape_intervall: 5s',
      'unknown key "scrape_intervall" in scrape_configs[0]; did you mean "scrape_interval"?',
    ],
    ["static_configs: [{ targets: ['http://x:1'] }]", '"http://x:1" is not a valid hostname'],
    ['file_sd_configs: [{ files: [a.txt] }]', 'path name "a.txt" is not valid for file discovery'],
    ["file_sd_configs: [{ files: ['*/a.yml'] }]", 'is not valid for file discovery'],
    ['file_sd_configs: [{}]', '"files" is missing'],
    [
      'metric_name_escaping_scheme: allow-utf-8\nmetric_name_validation_scheme: legacy',
      'utf8 metric names requested',
    ],
    ['sample_limit: -1', 'sample_limit'],
  ])('%s', (lines, message) => {
    expect(() => job(lines)).toThrow(message);
  });

  test('a URL may be a target when relabelling makes something of it', () => {
    const lines =
      "static_configs: [{ targets: ['http://x:1'] }]\nrelabel_configs: [{ target_label: __address__, replacement: x }]";
    expect(job(lines).discovery).toHaveLength(1);
  });

  test('keys of configs are equal when they mean the same, secrets included', () => {
    const key = (lines: string) => configKey(job(lines));
    expect(key('bearer_token: a')).toBe(key('bearer_token: a'));
    expect(key('bearer_token: a')).not.toBe(key('bearer_token: b'));
    expect(key('bearer_token: a')).not.toContain('"a"');
    expect(key('metric_relabel_configs: [{ regex: a, action: labeldrop }]')).not.toBe(
      key('metric_relabel_configs: [{ regex: b, action: labeldrop }]'),
    );
    expect(key('relabel_configs: [{ target_label: a, replacement: b }]')).not.toBe(
      key('relabel_configs: [{ target_label: a, replacement: c }]'),
    );
    expect(key("static_configs: [{ targets: ['x'] }]")).not.toBe(key("static_configs: [{ targets: ['y'] }]"));
  });
});
