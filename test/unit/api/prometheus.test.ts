import { gunzipSync, inflateSync } from 'node:zlib';
import fc from 'fast-check';
import type { FastifyInstance } from 'fastify';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createApi } from '../../../src/api/index.ts';
import { formatSampleValue } from '../../../src/core/float-text.ts';
import { QueryError } from '../../../src/promql/index.ts';
import { staleMarker } from '../../../src/storage/index.ts';
import { Fakes, NOW_MS, labels, result } from './fakes.ts';

let fakes: Fakes;
let api: FastifyInstance;

beforeEach(async () => {
  fakes = new Fakes();
  api = createApi(fakes.deps());
  await api.ready();
});
afterEach(async () => {
  await api.close();
});

async function get(url: string): Promise<{ status: number; body: unknown }> {
  const response = await api.inject({ method: 'GET', url });
  return { status: response.statusCode, body: response.json() };
}

const badData = (error: string) => ({ status: 400, body: { status: 'error', errorType: 'bad_data', error } });
const ok = (data: unknown, rest: object = {}) => ({
  status: 200,
  body: { status: 'success', data, ...rest },
});

describe('/api/v1/query', () => {
  it('answers a vector with its notes, in exactly this text', async () => {
    fakes.engine.answer = () =>
      Promise.resolve(
        result(
          {
            type: 'vector',
            samples: [
              { labels: labels({ __name__: 'up', job: 'a"b' }), tMs: NOW_MS, value: 1 },
              { labels: labels({}), tMs: NOW_MS + 1, value: 1e-7 },
              { labels: labels({ x: '1' }), tMs: NOW_MS + 100, value: NaN },
            ],
          },
          ['w'],
          ['i'],
        ),
      );
    const response = await api.inject('/api/v1/query?query=up&time=1714557600.5');
    expect(response.headers['content-type']).toBe('application/json');
    expect(response.body).toBe(
      '{"status":"success","data":{"resultType":"vector","result":[' +
        '{"metric":{"__name__":"up","job":"a\\"b"},"value":[1714557600,"1"]},' +
        '{"metric":{},"value":[1714557600.001,"1e-07"]},' +
        '{"metric":{"x":"1"},"value":[1714557600.100,"NaN"]}' +
        ']},"warnings":["w"],"infos":["i"]}',
    );
    expect(fakes.engine.asked).toEqual([['instant', 'up', 1_714_557_600_500, {}]]);
  });

  it.each([
    [
      'scalar',
      { type: 'scalar', tMs: 1500, value: -Infinity } as const,
      { resultType: 'scalar', result: [1.5, '-Inf'] },
    ],
    [
      'string',
      { type: 'string', tMs: 1000, value: 'a"' } as const,
      { resultType: 'string', result: [1, 'a"'] },
    ],
    ['empty matrix', { type: 'matrix', series: [] } as const, { resultType: 'matrix', result: [] }],
    [
      'matrix',
      {
        type: 'matrix',
        series: [
          {
            labels: labels({ a: '1' }),
            timestamps: Float64Array.of(1000, 2500),
            values: Float64Array.of(1, 2.5),
          },
        ],
      } as const,
      {
        resultType: 'matrix',
        result: [
          {
            metric: { a: '1' },
            values: [
              [1, '1'],
              [2.5, '2.5'],
            ],
          },
        ],
      },
    ],
  ])('answers a %s', async (_name, value, data) => {
    fakes.engine.answer = () => Promise.resolve(result(value));
    expect(await get('/api/v1/query?query=x')).toEqual(ok(data));
  });

  it('takes a form and prefers it to the URL', async () => {
    await api.inject({
      method: 'POST',
      url: '/api/v1/query?query=no&timeout=1',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      payload: 'query=sum%28up%29+%2B+1&time=2024-05-01T10%3A00%3A00.25%2B02%3A00&lookback_delta=1m30s',
    });
    expect(fakes.engine.asked).toEqual([
      ['instant', 'sum(up) + 1', Date.UTC(2024, 4, 1, 8, 0, 0, 250), { timeoutMs: 1000, lookbackMs: 90_000 }],
    ]);
  });

  it('uses the present when no time is given, limits and gives statistics', async () => {
    const samples = [1, 2, 3].map((value) => ({ labels: labels({ a: String(value) }), tMs: 0, value }));
    fakes.engine.answer = () => Promise.resolve(result({ type: 'vector', samples }));
    const { body } = await get('/api/v1/query?query=x&limit=2&stats=yes');
    expect(body).toMatchObject({
      data: {
        result: [{ metric: { a: '1' } }, { metric: { a: '2' } }],
        stats: {
          timings: { evalTotalTime: 1.5 },
          samples: { totalQueryableSamples: 7, samplesRead: 5, peakSamples: 3 },
        },
      },
      warnings: [
        'results truncated due to limit',
        'value "yes" for parameter "stats" is deprecated and will be rejected in the next major release, use "true" or "all"',
      ],
    });
    expect(fakes.engine.asked).toEqual([['instant', 'x', NOW_MS, {}]]);
  });

  it.each([
    [
      'time=x',
      `invalid parameter "time": invalid time value for 'time': cannot parse "x" to a valid timestamp`,
    ],
    [
      'time=NaN',
      `invalid parameter "time": invalid time value for 'time': cannot parse "NaN" to a valid timestamp`,
    ],
    [
      'time=2024-02-30T00:00:00Z',
      `invalid parameter "time": invalid time value for 'time': cannot parse "2024-02-30T00:00:00Z" to a valid timestamp`,
    ],
    ['timeout=x', 'invalid parameter "timeout": cannot parse "x" to a valid duration'],
    ['limit=x', 'invalid parameter "limit": strconv.Atoi: parsing "x": invalid syntax'],
    ['limit=-1', 'invalid parameter "limit": limit must be non-negative'],
    ['lookback_delta=x', 'error parsing lookback delta duration: cannot parse "x" to a valid duration'],
  ])('refuses %s', async (query, error) => {
    expect(await get(`/api/v1/query?query=up&${query}`)).toEqual(badData(error));
  });

  it.each([
    ['bad_data', 400, 'invalid parameter "query": why'],
    ['execution', 422, 'why'],
    ['canceled', 499, 'why'],
    ['timeout', 503, 'why'],
    ['internal', 500, 'why'],
  ] as const)('tells of a %s error', async (kind, status, error) => {
    fakes.engine.answer = () => Promise.reject(new QueryError(kind, 'why'));
    expect(await get('/api/v1/query?query=x')).toEqual({
      status,
      body: { status: 'error', errorType: kind, error },
    });
  });

  it('keeps bugs out of answers and reports them', async () => {
    fakes.engine.answer = () => Promise.reject(new Error('secret detail'));
    const { status, body } = await get('/api/v1/query?query=x');
    expect(status).toBe(500);
    expect(JSON.stringify(body)).not.toContain('secret');
    expect(fakes.failures).toHaveLength(1);
  });
});

describe('/api/v1/query_range', () => {
  it('passes on the span in milliseconds', async () => {
    await get('/api/v1/query_range?query=x&start=0&end=60.5&step=15s&timeout=2m');
    await get('/api/v1/query_range?query=x&start=0&end=11000&step=1');
    const origin = { kind: 'http', clientIp: '127.0.0.1', method: 'GET', path: '/api/v1/query_range' };
    expect(fakes.engine.origins).toEqual([origin, origin]);
    expect(fakes.engine.asked).toEqual([
      ['range', 'x', 0, 60_500, 15_000, { timeoutMs: 120_000 }],
      ['range', 'x', 0, 11_000_000, 1000, {}],
    ]);
  });

  it.each([
    ['end=1&step=1', 'invalid parameter "start": cannot parse "" to a valid timestamp'],
    ['start=1&step=1', 'invalid parameter "end": cannot parse "" to a valid timestamp'],
    ['start=2&end=1&step=1', 'invalid parameter "end": end timestamp must not be before start time'],
    ['start=1&end=2', 'invalid parameter "step": cannot parse "" to a valid duration'],
    [
      'start=1&end=2&step=0',
      'invalid parameter "step": zero or negative query resolution step widths are not accepted. Try a positive integer',
    ],
    [
      'start=1&end=2&step=-1',
      'invalid parameter "step": zero or negative query resolution step widths are not accepted. Try a positive integer',
    ],
    [
      'start=1&end=2&step=1e30',
      'invalid parameter "step": cannot parse "1e30" to a valid duration. It overflows int64',
    ],
    [
      'start=0&end=11001&step=1',
      'exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the query resolution (?step=XX)',
    ],
  ])('refuses %s', async (query, error) => {
    expect(await get(`/api/v1/query_range?query=x&${query}`)).toEqual(badData(error));
  });

  it('streams a large matrix in pieces that make the same JSON, compressed or not', async () => {
    const count = 3000;
    const series = Array.from({ length: 60 }, (_, i) => ({
      labels: labels({ i: String(i) }),
      timestamps: Float64Array.from({ length: count }, (_one, k) => k * 1000),
      values: Float64Array.from({ length: count }, (_one, k) => k / 3 + i),
    }));
    fakes.engine.answer = () => Promise.resolve(result({ type: 'matrix', series }));
    const url = '/api/v1/query_range?query=x&start=0&end=1&step=1';
    const plain = await api.inject(url);
    const { data } = plain.json<{ data: { result: { metric: object; values: [number, string][] }[] } }>();
    expect(plain.headers['content-length']).toBeUndefined();
    expect(data.result).toHaveLength(60);
    expect(data.result[59]!.values).toHaveLength(count);
    expect(data.result[59]!.values[2999]).toEqual([2999, formatSampleValue(2999 / 3 + 59)]);
    const zipped = await api.inject({ url, headers: { 'accept-encoding': 'br, gzip' } });
    expect(zipped.headers['content-encoding']).toBe('gzip');
    expect(zipped.headers['vary']).toBe('Origin, Accept-Encoding');
    expect(gunzipSync(zipped.rawPayload).toString()).toBe(plain.body);
    const deflated = await api.inject({ url, headers: { 'accept-encoding': 'gzip;q=0, deflate' } });
    expect(inflateSync(deflated.rawPayload).toString()).toBe(plain.body);
  });
});

describe('/api/v1/parse_query', () => {
  const number = { type: 'numberLiteral', val: '1' };
  const sum = { type: 'binaryExpr', op: '+', lhs: number, rhs: number, matching: null, bool: false };

  it('gives the tree of the expression, by GET and by POST', async () => {
    expect(await get('/api/v1/parse_query?query=1%2B1')).toEqual(ok(sum));
    const posted = await api.inject({
      method: 'POST',
      url: '/api/v1/parse_query',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      payload: 'query=1%2B1',
    });
    expect([posted.statusCode, posted.json()]).toEqual([200, { status: 'success', data: sum }]);
  });

  it('refuses what does not parse', async () => {
    expect(await get('/api/v1/parse_query?query=sum(')).toMatchObject({
      status: 400,
      body: {
        errorType: 'bad_data',
        error: 'invalid parameter "query": 1:5: parse error: unclosed left parenthesis',
      },
    });
  });
});

describe('/api/v1/format_query', () => {
  it('splits a long expression', async () => {
    const name = 'x'.repeat(60);
    expect(await get(`/api/v1/format_query?query=${name}*${name}`)).toEqual(ok(`  ${name}\n*\n  ${name}`));
  });

  it('prints the expression', async () => {
    expect(await get('/api/v1/format_query?query=sum%20by(a)(up)')).toEqual(ok('sum by (a) (up)'));
  });

  it('refuses what does not parse', async () => {
    expect(await get('/api/v1/format_query?query=sum(')).toMatchObject({
      status: 400,
      body: {
        errorType: 'bad_data',
        error: expect.stringMatching(/^invalid parameter "query": 1:\d+: parse error: /) as unknown,
      },
    });
  });
});

describe('series, label names and values', () => {
  beforeEach(() => {
    fakes.series = [
      { labels: labels({ __name__: 'down', job: 'b' }), samples: [] },
      { labels: labels({ __name__: 'up', job: 'a' }), samples: [] },
      { labels: labels({ __name__: 'up', job: 'b', 'x.y': '1' }), samples: [] },
    ];
  });

  it.each([
    [
      '/series?match[]=up',
      [
        { __name__: 'up', job: 'a' },
        { __name__: 'up', job: 'b', 'x.y': '1' },
      ],
    ],
    [
      '/series?match[]=up&match[]={job="b"}',
      [
        { __name__: 'down', job: 'b' },
        { __name__: 'up', job: 'a' },
        { __name__: 'up', job: 'b', 'x.y': '1' },
      ],
    ],
    ['/labels', ['__name__', 'job', 'x.y']],
    ['/labels?match[]=down&match[]={job="a"}', ['__name__', 'job']],
    ['/label/job/values', ['a', 'b']],
    ['/label/job/values?match[]=down', ['b']],
    ['/label/U__x_2e_y/values', ['1']],
    ['/label/nope/values', []],
  ])('%s', async (path, data) => {
    expect(await get(`/api/v1${path}`)).toEqual(ok(data));
  });

  it.each([
    ['/series?match[]=up&limit=1', [{ __name__: 'up', job: 'a' }]],
    ['/labels?limit=1', ['__name__']],
    ['/label/job/values?limit=1', ['a']],
  ])('%s is cut with a warning', async (path, data) => {
    expect(await get(`/api/v1${path}`)).toEqual(ok(data, { warnings: ['results truncated due to limit'] }));
  });

  it('takes a form', async () => {
    const response = await api.inject({
      method: 'POST',
      url: '/api/v1/series',
      headers: { 'content-type': 'application/x-www-form-urlencoded; charset=utf-8' },
      payload: 'match%5B%5D=down',
    });
    expect(response.json()).toEqual({ status: 'success', data: [{ __name__: 'down', job: 'b' }] });
  });

  it.each([
    ['/series', 'no match[] parameter provided'],
    [
      '/series?match[]={a=~".*"}',
      'invalid parameter "match[]": match[] must contain at least one non-empty matcher',
    ],
    ['/labels?match[]={a=""}', 'match[] must contain at least one non-empty matcher'],
    [
      '/labels?start=x',
      `invalid parameter "start": invalid time value for 'start': cannot parse "x" to a valid timestamp`,
    ],
    ['/labels?limit=1.5', 'invalid parameter "limit": strconv.Atoi: parsing "1.5": invalid syntax'],
  ])('refuses %s', async (path, error) => {
    expect(await get(`/api/v1${path}`)).toEqual(badData(error));
  });

  it('refuses a selector that does not parse', async () => {
    expect(await get('/api/v1/labels?match[]=up%7B')).toMatchObject({
      status: 400,
      body: { errorType: 'bad_data' },
    });
  });
});

describe('targets', () => {
  beforeEach(() => {
    fakes.targets = {
      active: [
        {
          discoveredLabels: labels({ __address__: 'h:1' }),
          labels: labels({ instance: 'h:1', job: 'a' }),
          scrapePool: 'a',
          scrapeUrl: 'http://h:1/metrics',
          globalUrl: 'http://h:1/metrics',
          lastError: 'boom',
          lastScrapeMs: NOW_MS - 500,
          lastScrapeDurationMs: 12.5,
          health: 'down',
          scrapeIntervalMs: 15_000,
          scrapeTimeoutMs: 10_000,
        },
        {
          discoveredLabels: labels({}),
          labels: labels({ job: 'b' }),
          scrapePool: 'b',
          scrapeUrl: '',
          globalUrl: '',
          lastError: '',
          lastScrapeMs: undefined,
          lastScrapeDurationMs: 0,
          health: 'unknown',
          scrapeIntervalMs: 60_000,
          scrapeTimeoutMs: 1000,
        },
      ],
      dropped: [{ discoveredLabels: labels({ x: 'y' }), scrapePool: 'a' }],
      droppedCounts: { a: 4, b: 0 },
    };
    fakes.targetMetadata = [
      {
        target: labels({ job: 'a' }),
        scrapePool: 'a',
        metrics: [
          { family: 'up', type: 'gauge', help: 'Up.', unit: '' },
          { family: 'req', type: 'counter', help: 'Requests.', unit: 'x' },
        ],
      },
      {
        target: labels({ job: 'b' }),
        scrapePool: 'b',
        metrics: [{ family: 'up', type: 'gauge', help: 'Other.', unit: '' }],
      },
    ];
  });

  it('shows them whole', async () => {
    expect(await get('/api/v1/targets?scrapePool=a')).toEqual(
      ok({
        activeTargets: [
          {
            discoveredLabels: { __address__: 'h:1' },
            labels: { instance: 'h:1', job: 'a' },
            scrapePool: 'a',
            scrapeUrl: 'http://h:1/metrics',
            globalUrl: 'http://h:1/metrics',
            lastError: 'boom',
            lastScrape: '2024-05-01T09:59:59.5Z',
            lastScrapeDuration: 0.0125,
            health: 'down',
            scrapeInterval: '15s',
            scrapeTimeout: '10s',
          },
        ],
        droppedTargets: [{ discoveredLabels: { x: 'y' }, scrapePool: 'a' }],
        droppedTargetCounts: { a: 4, b: 0 },
      }),
    );
  });

  it.each([
    ['active', 2, 0, null],
    ['dropped', 0, 1, { a: 4, b: 0 }],
    ['any', 2, 1, { a: 4, b: 0 }],
  ])('of state %s', async (state, active, dropped, counts) => {
    const { body } = await get(`/api/v1/targets?state=${state}`);
    const { data } = body as {
      data: { activeTargets: unknown[]; droppedTargets: unknown[]; droppedTargetCounts: unknown };
    };
    expect([data.activeTargets.length, data.droppedTargets.length, data.droppedTargetCounts]).toEqual([
      active,
      dropped,
      counts,
    ]);
  });

  it.each([
    ['/scrape_pools', { scrapePools: ['a', 'b'] }],
    [
      '/alertmanagers',
      { activeAlertmanagers: [{ url: 'http://localhost:9090/api/v2/alerts' }], droppedAlertmanagers: [] },
    ],
    [
      '/metadata?metric=up',
      {
        up: [
          { type: 'gauge', unit: '', help: 'Up.' },
          { type: 'gauge', unit: '', help: 'Other.' },
        ],
      },
    ],
    ['/metadata?limit=1&limit_per_metric=1', { up: [{ type: 'gauge', unit: '', help: 'Up.' }] }],
    [
      '/targets/metadata?metric=up&match_target={job="b"}',
      [{ target: { job: 'b' }, type: 'gauge', help: 'Other.', unit: '' }],
    ],
    [
      '/targets/metadata?limit=1&match_target={job="b"}',
      [{ target: { job: 'b' }, metric: 'up', type: 'gauge', help: 'Other.', unit: '' }],
    ],
  ])('%s', async (path, data) => {
    expect(await get(`/api/v1${path}`)).toEqual(ok(data));
  });

  it.each([
    ['/metadata?limit=x', 'limit must be a number'],
    ['/metadata?limit_per_metric=x', 'limit_per_metric must be a number'],
    ['/targets/metadata?limit=x', 'limit must be a number'],
  ])('refuses %s', async (path, error) => {
    expect(await get(`/api/v1${path}`)).toEqual(badData(error));
  });
});

describe('rules and alerts', () => {
  const alert = {
    labels: labels({ alertname: 'A', x: '1' }),
    annotations: labels({ s: 't' }),
    state: 'firing' as const,
    activeAtMs: NOW_MS - 60_000,
    keepFiringSinceMs: NOW_MS,
    value: 1,
  };
  const shownAlert = {
    labels: { alertname: 'A', x: '1' },
    annotations: { s: 't' },
    state: 'firing',
    activeAt: '2024-05-01T09:59:00Z',
    keepFiringSince: '2024-05-01T10:00:00Z',
    value: '1e+00',
  };

  beforeEach(() => {
    fakes.activeAlerts = [alert];
    const base = { health: 'ok' as const, lastError: '', evaluationTimeMs: 2, lastEvaluationMs: NOW_MS };
    fakes.groups = [
      {
        name: 'g1',
        file: '/etc/r.yml',
        intervalMs: 30_000,
        queryOffsetMs: 0,
        limit: 0,
        evaluationTimeMs: 5,
        lastEvaluationMs: NOW_MS,
        rules: [
          {
            type: 'alerting',
            name: 'A',
            query: 'up == 0',
            labels: [
              ['severity', 'page'],
              ['t', '{{ $labels.x }}'],
            ],
            annotations: [['s', 't']],
            state: 'firing',
            forMs: 60_000,
            keepFiringForMs: 0,
            alerts: [alert],
            ...base,
          },
          {
            type: 'recording',
            name: 'r:x',
            query: 'sum(up)',
            labels: [],
            ...base,
            health: 'err',
            lastError: 'bad',
          },
        ],
      },
      {
        name: 'g2',
        file: '/etc/r.yml',
        intervalMs: 60_000,
        queryOffsetMs: 0,
        limit: 3,
        evaluationTimeMs: 0,
        lastEvaluationMs: undefined,
        rules: [
          {
            type: 'recording',
            name: 'r:y',
            query: 'up',
            labels: [['severity', 'no']],
            ...base,
            health: 'unknown',
            lastEvaluationMs: undefined,
          },
        ],
      },
    ];
  });

  it('alerts', async () => {
    expect(await get('/api/v1/alerts')).toEqual(ok({ alerts: [shownAlert] }));
  });

  it('rules, whole', async () => {
    expect(await get('/api/v1/rules')).toEqual(
      ok({
        groups: [
          {
            name: 'g1',
            file: '/etc/r.yml',
            rules: [
              {
                state: 'firing',
                name: 'A',
                query: 'up == 0',
                duration: 60,
                keepFiringFor: 0,
                labels: { severity: 'page', t: '{{ $labels.x }}' },
                annotations: { s: 't' },
                alerts: [shownAlert],
                health: 'ok',
                evaluationTime: 0.002,
                lastEvaluation: '2024-05-01T10:00:00Z',
                type: 'alerting',
              },
              {
                name: 'r:x',
                query: 'sum(up)',
                labels: {},
                health: 'err',
                lastError: 'bad',
                evaluationTime: 0.002,
                lastEvaluation: '2024-05-01T10:00:00Z',
                type: 'recording',
              },
            ],
            interval: 30,
            limit: 0,
            evaluationTime: 0.005,
            lastEvaluation: '2024-05-01T10:00:00Z',
          },
          {
            name: 'g2',
            file: '/etc/r.yml',
            rules: [
              {
                name: 'r:y',
                query: 'up',
                labels: { severity: 'no' },
                health: 'unknown',
                evaluationTime: 0.002,
                lastEvaluation: '0001-01-01T00:00:00Z',
                type: 'recording',
              },
            ],
            interval: 60,
            limit: 3,
            evaluationTime: 0,
            lastEvaluation: '0001-01-01T00:00:00Z',
          },
        ],
      }),
    );
  });

  it.each([
    ['type=alert', ['A']],
    ['type=record', ['r:x', 'r:y']],
    ['rule_name[]=A&rule_name[]=r:y', ['A', 'r:y']],
    ['rule_group[]=g2', ['r:y']],
    ['file[]=/nope', []],
    ['match[]={severity="page"}', ['A']],
    ['match[]={severity="page",t="{{ $labels.x }}"}', []],
    ['group_limit=1', ['A', 'r:x']],
  ])('with %s', async (query, names) => {
    const { body } = await get(`/api/v1/rules?${query}`);
    const { data } = body as { data: { groups: { rules: { name: string }[] }[] } };
    expect(data.groups.flatMap(({ rules }) => rules.map(({ name }) => name))).toEqual(names);
  });

  it('pages', async () => {
    const first = (await get('/api/v1/rules?group_limit=1')).body as { data: { groupNextToken: string } };
    expect(first.data.groupNextToken).toMatch(/^[0-9a-f]{64}$/);
    const second = await get(`/api/v1/rules?group_limit=1&group_next_token=${first.data.groupNextToken}`);
    expect(second.body).toMatchObject({ data: { groups: [{ name: 'g2' }] } });
    expect(second.body).not.toHaveProperty('data.groupNextToken');
  });

  it('leaves alerts out on request', async () => {
    expect(await get('/api/v1/rules?exclude_alerts=true&type=alert')).toMatchObject({
      body: { data: { groups: [{ rules: [{ alerts: null }] }] } },
    });
  });

  it.each([
    ['type=x', 'invalid parameter "type": not supported value "x"'],
    [
      'exclude_alerts=x',
      'invalid parameter "exclude_alerts": error converting exclude_alerts: strconv.ParseBool: parsing "x": invalid syntax',
    ],
    ['group_limit=0', 'invalid parameter "group_limit": group_limit needs to be greater than 0'],
    [
      'group_limit=x',
      'invalid parameter "group_limit": group_limit needs to be a valid number: strconv.ParseInt: parsing "x": invalid syntax',
    ],
    [
      'group_next_token=x',
      'invalid parameter "group_next_token": group_limit needs to be present in order to paginate over the groups',
    ],
    [
      'group_limit=1&group_next_token=x',
      `invalid parameter "group_next_token": invalid group_next_token 'x'. were rule groups changed?`,
    ],
  ])('refuses %s', async (query, error) => {
    expect(await get(`/api/v1/rules?${query}`)).toEqual(badData(error));
  });
});

describe('status', () => {
  it.each([
    ['config', { yaml: 'global: {}\n' }],
    ['flags', { 'web.enable-lifecycle': 'false' }],
    ['walreplay', { min: 0, max: 3, current: 3 }],
    [
      'tsdb',
      {
        headStats: { numSeries: 0, numLabelPairs: 7, chunkCount: 3, minTime: 1000, maxTime: 2000 },
        seriesCountByMetricName: [{ name: 'up', value: 2 }],
        labelValueCountByLabelName: [],
        memoryInBytesByLabelName: [],
        seriesCountByLabelValuePair: [],
      },
    ],
  ])('%s', async (name, data) => {
    expect(await get(`/api/v1/status/${name}`)).toEqual(ok(data));
  });

  it('build and runtime', async () => {
    expect(await get('/api/v1/status/buildinfo')).toMatchObject(ok({ version: '0.1.0' }));
    expect(await get('/api/v1/status/runtimeinfo')).toMatchObject(ok({ storageRetention: '15d' }));
  });

  it.each([
    ['limit=0', 'limit must be a positive number'],
    ['limit=x', 'limit must be a positive number'],
    ['limit=10001', 'limit must not exceed 10000'],
  ])('tsdb refuses %s', async (query, error) => {
    expect(await get(`/api/v1/status/tsdb?${query}`)).toEqual(badData(error));
  });
});

describe('query_exemplars', () => {
  it.each([
    ['query=up&start=2&end=1', 'end timestamp must not be before start timestamp'],
    [
      'query=up&start=x',
      `invalid parameter "start": invalid time value for 'start': cannot parse "x" to a valid timestamp`,
    ],
  ])('refuses %s', async (query, error) => {
    expect(await get(`/api/v1/query_exemplars?${query}`)).toEqual(badData(error));
  });

  it('has no content for an expression without selectors, and a list for others', async () => {
    expect((await api.inject('/api/v1/query_exemplars?query=1')).statusCode).toBe(204);
    expect(await get('/api/v1/query_exemplars?query=rate(up[5m])')).toEqual({
      status: 200,
      body: { status: 'success', data: [] },
    });
  });
});

describe('what is not there', () => {
  it('says which parts of the contract are not in this version', async () => {
    expect(await get('/api/v1/features')).toEqual({
      status: 404,
      body: {
        status: 'error',
        errorType: 'not_found',
        error: 'features is not in this version of tocsin',
      },
    });
    const write = await api.inject({ method: 'POST', url: '/api/v1/write', payload: Buffer.from([1, 2]) });
    expect(write.statusCode).toBe(404);
  });

  it('has Go’s text for unknown paths', async () => {
    const response = await api.inject('/api/v1/nope');
    expect([response.statusCode, response.body]).toEqual([404, '404 page not found\n']);
  });

  it('is unavailable while starting and stopping', async () => {
    for (const readiness of ['starting', 'stopping'] as const) {
      fakes.readiness = readiness;
      const response = await api.inject('/api/v1/query?query=up');
      expect(response.statusCode).toBe(503);
      expect(response.body).toBe('Service Unavailable');
      expect(response.headers['x-prometheus-stopping']).toBe(String(readiness === 'stopping'));
    }
  });
});

describe('CORS', () => {
  it('allows every origin by default, and answers OPTIONS', async () => {
    const response = await api.inject({
      method: 'OPTIONS',
      url: '/api/v1/query',
      headers: { origin: 'http://x' },
    });
    expect(response.statusCode).toBe(204);
    expect(response.headers).toMatchObject({
      'access-control-allow-origin': '*',
      'access-control-allow-methods': 'GET, POST, OPTIONS',
      'access-control-allow-headers': 'Accept, Authorization, Content-Type, Origin',
      'access-control-expose-headers': 'Date',
    });
  });

  it('names the origin when only some are allowed', async () => {
    const other = createApi(fakes.deps({ corsOrigin: 'https?://(a|b)' }));
    const allowed = await other.inject({ url: '/api/v1/alerts', headers: { origin: 'https://a' } });
    const refused = await other.inject({ url: '/api/v1/alerts', headers: { origin: 'https://c' } });
    expect(allowed.headers['access-control-allow-origin']).toBe('https://a');
    expect(refused.headers['access-control-allow-origin']).toBeUndefined();
    await other.close();
  });
});

describe('/federate', () => {
  it('gives the newest sample of each series, sorted by name, with external labels', async () => {
    fakes.series = [
      {
        labels: labels({ __name__: 'up', instance: 'h', job: 'a\\"\n' }),
        samples: [
          [NOW_MS - 60_000, 0],
          [NOW_MS, 1],
        ],
      },
      { labels: labels({ __name__: 'up', cluster: 'own' }), samples: [[NOW_MS - 1, 1.5e6]] },
      { labels: labels({ __name__: 'gone', job: 'a' }), samples: [[NOW_MS - 1, staleMarker]] },
      { labels: labels({ __name__: 'old', job: 'a' }), samples: [[NOW_MS - 300_001, 1]] },
      { labels: labels({ __name__: 'a.b', 'c.d': '1' }), samples: [[NOW_MS, NaN]] },
      { labels: labels({ job: 'nameless' }), samples: [[NOW_MS, 1]] },
    ];
    const response = await api.inject('/federate?match[]={__name__!=""}&match[]=up&match[]={job="nameless"}');
    expect(response.headers['content-type']).toBe('text/plain; version=0.0.4; charset=utf-8');
    expect(response.body).toBe(
      [
        '# TYPE "a.b" untyped',
        `{"a.b","c.d"="1",cluster="c1",instance=""} NaN ${NOW_MS}`,
        '# TYPE up untyped',
        `up{instance="h",job="a\\\\\\"\\n",cluster="c1"} 1 ${NOW_MS}`,
        `up{cluster="own",instance=""} 1.5e+06 ${NOW_MS - 1}`,
        '',
      ].join('\n'),
    );
  });

  it('is empty without selectors and refuses bad ones', async () => {
    expect((await api.inject('/federate')).body).toBe('');
    const bad = await api.inject('/federate?match[]={');
    expect(bad.statusCode).toBe(400);
    expect(bad.body).toMatch(/parse error/);
  });
});

describe('arbitrary input', () => {
  it('never makes the API fail', async () => {
    const paths = [
      'query',
      'query_range',
      'series',
      'labels',
      'label/%E2%82%AC/values',
      'rules',
      'targets',
      'metadata',
      'status/tsdb',
      'format_query',
      'parse_query',
    ];
    const names = [
      'query',
      'time',
      'start',
      'end',
      'step',
      'timeout',
      'limit',
      'match[]',
      'stats',
      'lookback_delta',
      'state',
      'type',
    ];
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...paths),
        fc.array(fc.tuple(fc.constantFrom(...names), fc.string({ unit: 'binary', maxLength: 12 })), {
          maxLength: 5,
        }),
        async (path, pairs) => {
          const query = pairs
            .map(([name, value]) => `${name}=${encodeURIComponent(value.toWellFormed())}`)
            .join('&');
          const response = await api.inject(`/api/v1/${path}?${query}`);
          expect([200, 400]).toContain(response.statusCode);
          expect(response.json()).toHaveProperty('status');
        },
      ),
      { numRuns: 120 },
    );
    expect(fakes.failures).toEqual([]);
  });
});

describe('/api/tocsin/v1/queries', () => {
  const kill = async (id: string) => {
    const response = await api.inject({ method: 'DELETE', url: `/api/tocsin/v1/queries/${id}` });
    return { status: response.statusCode, body: response.json<unknown>() };
  };
  const origin = { kind: 'http', clientIp: '10.0.0.7', method: 'GET', path: '/api/v1/query' } as const;
  const query = { kind: 'range', query: 'up', startMs: 0, endMs: 60_000, stepMs: 15_000, origin } as const;

  it('lists what waits and what runs, with who asked', async () => {
    fakes.monitor.begin(query, undefined);
    const rule = { kind: 'rule', file: 'r.yml', group: 'g', rule: 'Down' } as const;
    const running = fakes.monitor.begin({ ...query, kind: 'instant', stepMs: 0, origin: rule }, undefined);
    running.started();
    running.progressed(42);
    await fakes.clock.advanceTo(NOW_MS + 1500);
    const common = {
      query: 'up',
      start: '1970-01-01T00:00:00.000Z',
      end: '1970-01-01T00:01:00.000Z',
      since: '2024-05-01T10:00:00.000Z',
      elapsed: 1.5,
    };
    const client = { address: '10.0.0.7', method: 'GET', path: '/api/v1/query' };
    expect(await get('/api/tocsin/v1/queries')).toEqual(
      ok([
        { ...common, id: 1, kind: 'range', state: 'queued', step: 15, samplesRead: 0, client },
        {
          ...common,
          id: 2,
          kind: 'instant',
          state: 'running',
          step: 0,
          samplesRead: 42,
          rule: { file: 'r.yml', group: 'g', name: 'Down' },
        },
      ]),
    );
  });

  it('ends the one that is named, and says what is wrong with a name', async () => {
    const active = fakes.monitor.begin(query, undefined);
    expect(await kill('1')).toEqual(ok({ id: 1 }));
    expect(active.signal.reason).toMatchObject({
      kind: 'canceled',
      message: 'ended by DELETE /api/tocsin/v1/queries/1',
    });
    active.dropped();
    expect(await kill('1')).toMatchObject({
      status: 404,
      body: { errorType: 'not_found', error: 'no query with the id 1 is waiting or running' },
    });
    expect(await kill('x')).toMatchObject({
      status: 400,
      body: { errorType: 'bad_data', error: '"x" is not the id of a query' },
    });
  });
});
