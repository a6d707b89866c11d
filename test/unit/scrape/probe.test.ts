import { gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import type { HttpRequest } from '../../../src/core/ports.ts';
import type { FakeAnswer } from '../../../src/core/testing/fake-network.ts';
import { ScrapeWorld, parseJobs } from './scrape-world.ts';

const job = (probe: string, extra = ''): string => `
scrape_configs:
  - job_name: ollama
    scrape_interval: 10s
    scrape_timeout: 5s
    probe: ${probe}
    static_configs: [{ targets: ['ollama:11434'] }]
${extra}`;

interface Tried {
  readonly world: ScrapeWorld;
  readonly requests: HttpRequest[];
  /** Newest value of a series by its name, or by name and phase or version. */
  readonly value: (name: string) => unknown;
}

/** One scrape of a probed target. */
async function tryProbe(
  yaml: string,
  answer: (request: HttpRequest) => Promise<FakeAnswer> | FakeAnswer,
): Promise<Tried> {
  const world = new ScrapeWorld();
  const requests: HttpRequest[] = [];
  world.network.serve('ollama:11434', (request) => {
    requests.push(request);
    return answer(request);
  });
  await world.apply(yaml);
  await world.pass(19);
  await world.manager.stop();
  return { world, requests, value: (name) => world.storage.values(name)[0] };
}

const fine: FakeAnswer = {
  status: 200,
  headers: { 'content-length': '12', 'last-modified': 'Thu, 01 Jan 2026 00:00:00 GMT' },
  body: '{"models":1}',
};

describe('a probed target', () => {
  test('is asked at / and gives the series of blackbox_exporter', async () => {
    const { world, requests, value } = await tryProbe(job('{}'), () => fine);
    expect(requests[0]).toMatchObject({ method: 'GET', url: 'http://ollama:11434/', observes: true });
    expect(requests[0]!.headers).not.toHaveProperty('Accept');
    const found = Object.fromEntries(
      [
        'up',
        'probe_success',
        'probe_failed_due_to_regex',
        'probe_http_status_code',
        'probe_http_content_length',
        'probe_http_uncompressed_body_length',
        'probe_http_redirects',
        'probe_http_ssl',
        'probe_http_version',
        'probe_http_last_modified_timestamp_seconds',
      ].map((name) => [name, value(name)]),
    );
    expect(found).toEqual({
      up: 1,
      probe_success: 1,
      probe_failed_due_to_regex: 0,
      probe_http_status_code: 200,
      probe_http_content_length: 12,
      probe_http_uncompressed_body_length: 12,
      probe_http_redirects: 0,
      probe_http_ssl: 0,
      probe_http_version: 1.1,
      probe_http_last_modified_timestamp_seconds: 1_767_225_600,
    });
    expect(Object.keys(world.storage.dump('probe_http_duration_seconds')).toSorted()).toEqual(
      ['connect', 'processing', 'resolve', 'tls', 'transfer'].map(
        (phase) => `probe_http_duration_seconds{instance="ollama:11434", job="ollama", phase="${phase}"}`,
      ),
    );
  });

  test('sends what it is told to, and its own path', async () => {
    const { requests } = await tryProbe(
      job(
        `{ method: POST, body: '{"prompt": 1}' }`,
        '    metrics_path: /predict\n    basic_auth: { username: u, password: p }\n    params: { v: ["2"] }\n',
      ),
      () => fine,
    );
    expect(requests[0]).toMatchObject({
      method: 'POST',
      url: 'http://ollama:11434/predict?v=2',
      body: '{"prompt": 1}',
      headers: { Authorization: 'Basic dTpw' },
    });
  });

  test.each([
    ['{}', { status: 503 }, 503, 0],
    ['{ valid_status_codes: [503] }', { status: 503 }, 503, 1],
    ['{ valid_status_codes: [503] }', fine, 200, 0],
    ['{ valid_http_versions: ["HTTP/2.0"] }', fine, 200, 0],
    ['{ fail_if_not_ssl: true }', fine, 200, 0],
    ['{ fail_if_ssl: true }', fine, 200, 1],
    ['{ fail_if_body_matches_regexp: ["mod.ls"] }', fine, 200, 0],
    ['{ fail_if_body_matches_regexp: ["^mod"] }', fine, 200, 1],
    ['{ fail_if_body_not_matches_regexp: ["models", "other"] }', fine, 200, 0],
    ['{ fail_if_body_not_matches_regexp: ["models", "1}$"] }', fine, 200, 1],
    [
      '{ fail_if_body_not_matches_regexp: ["^abc$"] }',
      { status: 200, headers: { 'content-encoding': 'gzip' }, body: gzipSync('abc') },
      200,
      1,
    ],
  ] as const)('with %s', async (probe, answer, status, success) => {
    const { value } = await tryProbe(job(probe), () => answer);
    expect([value('probe_http_status_code'), value('probe_success'), value('up')]).toEqual([
      status,
      success,
      1,
    ]);
    expect(value('probe_failed_due_to_regex')).toBe(Number(probe.includes('regexp') && success === 0));
  });

  test('that is gone, slow or endless fails the probe, not the scrape', async () => {
    const refused = await tryProbe(job('{}').replace("'ollama:11434'", "'other:1'"), () => fine);
    expect([
      refused.value('probe_success'),
      refused.value('probe_http_status_code'),
      refused.value('up'),
    ]).toEqual([0, 0, 1]);
    expect(refused.world.logLines.join('\n')).toContain('connection refused');
    const slow = await tryProbe(job('{}'), () => new Promise(() => undefined));
    expect([slow.value('probe_success'), slow.value('probe_duration_seconds'), slow.value('up')]).toEqual([
      0, 5, 1,
    ]);
    const endless = await tryProbe(job('{}'), () => ({ status: 200, body: noEnd() }));
    expect([endless.value('probe_success'), endless.value('probe_http_status_code')]).toEqual([0, 200]);
    expect(endless.world.logLines.join('\n')).toContain('body size limit exceeded');
  });
});

async function* noEnd(): AsyncGenerator<Uint8Array> {
  for (;;) yield new Uint8Array(100_000);
}

test.each([
  ['{ methd: GET }', /unknown key "methd".*"method"|methd/],
  ['{ method: get }', /must be an HTTP method/],
  ['{ valid_status_codes: [99] }', /99|100/],
  ['{ fail_if_body_matches_regexp: ["("] }', /not a valid regular expression/],
])('%s is refused', (probe, message) => {
  expect(() => parseJobs(job(probe))).toThrow(message);
});
