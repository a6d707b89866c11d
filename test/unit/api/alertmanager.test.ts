import fc from 'fast-check';
import type { FastifyInstance } from 'fastify';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { AlertView, GroupView } from '../../../src/alerts/index.ts';
import { createApi } from '../../../src/api/index.ts';
import { TocsinError } from '../../../src/core/errors.ts';
import { Fakes, NOW_MS, SILENCE, labels } from './fakes.ts';

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

interface Answer {
  readonly status: number;
  readonly body: unknown;
}

async function send(
  method: 'GET' | 'POST' | 'PUT' | 'DELETE',
  path: string,
  payload?: unknown,
): Promise<Answer> {
  const response = await api.inject({
    method,
    url: `/api/v2${path}`,
    ...(payload !== undefined && {
      headers: { 'content-type': 'application/json' },
      payload: typeof payload === 'string' ? payload : JSON.stringify(payload),
    }),
  });
  return { status: response.statusCode, body: response.body === '' ? '' : response.json() };
}

const VIEW: AlertView = {
  alert: {
    fingerprint: '00aa',
    labels: labels({ alertname: 'A', model: 'm' }),
    annotations: labels({ s: 't' }),
    startsAtMs: NOW_MS - 60_000,
    endsAtMs: NOW_MS + 60_000,
    updatedAtMs: NOW_MS,
    generatorUrl: 'http://x',
    timeout: false,
  },
  status: { state: 'suppressed', silencedBy: ['s1'], inhibitedBy: [], mutedBy: [] },
  receivers: ['team-a', 'team-b'],
};

const SHOWN = {
  annotations: { s: 't' },
  endsAt: '2024-05-01T10:01:00.000Z',
  fingerprint: '00aa',
  receivers: [{ name: 'team-a' }, { name: 'team-b' }],
  startsAt: '2024-05-01T09:59:00.000Z',
  status: { inhibitedBy: [], mutedBy: [], silencedBy: ['s1'], state: 'suppressed' },
  updatedAt: '2024-05-01T10:00:00.000Z',
  generatorURL: 'http://x',
  labels: { alertname: 'A', model: 'm' },
};

describe('GET /alerts', () => {
  it('shows alerts', async () => {
    fakes.plane.alertViews = [VIEW];
    expect(await send('GET', '/alerts')).toEqual({ status: 200, body: [SHOWN] });
  });

  it('has Alertmanager’s headers', async () => {
    const response = await api.inject('/api/v2/alerts');
    expect(response.headers).toMatchObject({
      'content-type': 'application/json',
      'cache-control': 'no-store',
      'access-control-allow-origin': '*',
      'access-control-allow-methods': 'GET, POST, DELETE, OPTIONS',
    });
    expect((await api.inject({ method: 'OPTIONS', url: '/api/v2/alerts' })).statusCode).toBe(200);
  });

  it.each([
    ['', { active: true, silenced: true, inhibited: true, muted: true }],
    [
      '?active=false&silenced=0&inhibited=no',
      { active: false, silenced: false, inhibited: false, muted: true },
    ],
    [
      '?active=TRUE&silenced=y&inhibited=whatever',
      { active: true, silenced: true, inhibited: false, muted: true },
    ],
  ])('reads flags as Alertmanager does: %s', async (query, expected) => {
    await send('GET', `/alerts${query}`);
    expect(fakes.plane.asked[0]).toMatchObject(expected);
  });

  it('reads filters and receivers', async () => {
    await send(
      'GET',
      `/alerts?filter=${encodeURIComponent('a="b"')}&filter=${encodeURIComponent('c!~"d.*"')}&receiver=team-.`,
    );
    const [query] = fakes.plane.asked;
    expect(query?.filter?.map(String)).toEqual(['a="b"', 'c!~"d.*"']);
    expect(['team-a', 'team-ab', 'x'].map((name) => query?.receiver?.(name))).toEqual([true, false, false]);
  });

  it('chooses receivers by their labels', async () => {
    await send('GET', `/alerts?receiver_matchers=${encodeURIComponent('team="a"')}`);
    expect(['team-a', 'team-b'].map((name) => fakes.plane.asked[0]?.receiver?.(name))).toEqual([true, false]);
  });

  it.each([
    ['filter={', 400, expect.any(String)],
    [
      'receiver=(',
      400,
      expect.stringMatching(/^failed to parse receiver param: error parsing regexp: missing closing \)/),
    ],
    ['receiver_matchers={', 400, expect.stringMatching(/^failed to parse receiver_matchers param: /)],
  ])('refuses %s', async (query, status, body) => {
    expect(await send('GET', `/alerts?${query}`)).toEqual({ status, body });
  });
});

describe('GET /alerts/groups', () => {
  it('shows groups', async () => {
    fakes.plane.groupViews = [
      {
        group: {
          labels: labels({ alertname: 'A' }),
          route: {
            options: {
              receiver: 'team-a',
              labels: labels({ team: '{{ .GroupLabels.alertname }}' }),
            },
          },
        },
        mutedBy: [],
        alerts: [VIEW],
      } as unknown as GroupView,
    ];
    expect(await send('GET', '/alerts/groups?muted=false')).toEqual({
      status: 200,
      body: [
        {
          alerts: [SHOWN],
          labels: { alertname: 'A' },
          receiver: { name: 'team-a' },
          routeLabels: { team: '{{ .GroupLabels.alertname }}' },
        },
      ],
    });
    expect(fakes.plane.asked[0]?.muted).toBe(false);
  });
});

describe('POST /alerts', () => {
  it('takes alerts, without times that are Go’s zero', async () => {
    const answer = await send('POST', '/alerts', [
      {
        labels: { alertname: 'A', empty: '' },
        annotations: { s: 't' },
        startsAt: '2024-05-01T10:00:00.123+02:00',
        endsAt: '0001-01-01T00:00:00.000Z',
        generatorURL: 'http://x/graph?a=%20',
      },
      { labels: { b: '1' }, endsAt: '2024-05-01T10:00:00Z' },
    ]);
    expect(answer).toEqual({ status: 200, body: '' });
    expect(fakes.plane.posted).toEqual([
      {
        labels: labels({ alertname: 'A' }),
        annotations: labels({ s: 't' }),
        startsAtMs: Date.UTC(2024, 4, 1, 8, 0, 0, 123),
        generatorUrl: 'http://x/graph?a=%20',
      },
      { labels: labels({ b: '1' }), annotations: labels({}), generatorUrl: '', endsAtMs: NOW_MS },
    ]);
  });

  it('takes null and an empty list', async () => {
    expect(await send('POST', '/alerts', 'null')).toEqual({ status: 200, body: '' });
    expect(await send('POST', '/alerts', [])).toEqual({ status: 200, body: '' });
  });

  it('takes the valid ones and tells of the others', async () => {
    expect(await send('POST', '/alerts', [{ labels: {} }, { labels: { a: '1' } }])).toEqual({
      status: 400,
      body: 'at least one label pair required',
    });
    expect(fakes.plane.posted).toHaveLength(2);
  });

  // Each answer is what Alertmanager 0.25 gave to the same request.
  it.each([
    [
      'no JSON',
      '[{',
      400,
      { code: 400, message: 'parsing alerts body from "" failed, because unexpected EOF' },
    ],
    ['a lacking field', '[{}]', 422, { code: 602, message: '0.labels in body is required' }],
    [
      'no list',
      '{"labels":{}}',
      400,
      {
        code: 400,
        message:
          'parsing alerts body from "" failed, because json: cannot unmarshal object into Go value of type models.PostableAlerts',
      },
    ],
    [
      'a wrong type',
      '[{"labels":{"a":1}}]',
      400,
      {
        code: 400,
        message:
          'parsing alerts body from "" failed, because json: cannot unmarshal number into Go struct field Alert.labels of type string',
      },
    ],
    ['no body', '', 422, { code: 602, message: 'alerts in body is required' }],
    [
      'a bad time',
      '[{"labels":{"a":"1"},"startsAt":"x"}]',
      400,
      {
        code: 400,
        message:
          'parsing alerts body from "" failed, because parsing time "x" as "2006-01-02 15:04:05": cannot parse "x" as "2006"',
      },
    ],
    [
      'a bad URL',
      '[{"labels":{"a":"1"},"generatorURL":"::"}]',
      422,
      { code: 601, message: '0.generatorURL in body must be of type uri: "::"' },
    ],
  ])('refuses %s', async (_name, payload, status, body) => {
    expect(await send('POST', '/alerts', payload)).toEqual({ status, body });
    expect(fakes.plane.posted).toEqual([]);
  });

  it('refuses other content types', async () => {
    const response = await api.inject({
      method: 'POST',
      url: '/api/v2/alerts',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      payload: '[]',
    });
    expect(response.statusCode).toBe(415);
    expect(response.json()).toEqual({
      code: 415,
      message:
        'unsupported media type "application/x-www-form-urlencoded", only [application/json] are allowed',
    });
  });

  it('bounds the body', async () => {
    const small = createApi(fakes.deps({ maxBodyBytes: 100 }));
    const response = await small.inject({
      method: 'POST',
      url: '/api/v2/alerts',
      headers: { 'content-type': 'application/json' },
      payload: JSON.stringify([{ labels: { a: 'x'.repeat(200) } }]),
    });
    expect(response.statusCode).toBe(413);
    expect(response.json()).toMatchObject({ code: 413 });
    await small.close();
  });

  it('tells of a state database that fails', async () => {
    fakes.plane.store.put = () => Promise.reject(new TocsinError('TOCSIN_ERR_STATE', 'disk full'));
    expect(await send('POST', '/alerts', [{ labels: { a: '1' } }])).toEqual({
      status: 500,
      body: 'disk full',
    });
  });
});

describe('silences', () => {
  const shown = {
    id: SILENCE.id,
    status: { state: 'active' },
    updatedAt: '2024-05-01T09:59:59.000Z',
    annotations: {},
    comment: 'maintenance',
    createdBy: 'ann',
    endsAt: '2024-05-01T11:00:00.000Z',
    matchers: [
      { isEqual: true, isRegex: false, name: 'a', value: 'b' },
      { isEqual: false, isRegex: true, name: 'c', value: 'd.*' },
    ],
    startsAt: '2024-05-01T09:59:59.000Z',
  };
  const posted = {
    matchers: [
      { name: 'a', value: 'b', isRegex: false },
      { name: 'c', value: 'd', isRegex: true, isEqual: false },
    ],
    startsAt: '2024-05-01T10:00:00Z',
    endsAt: '2024-05-01T12:00:00Z',
    createdBy: 'ann',
    comment: '',
  };

  it('lists, shows and ends them', async () => {
    fakes.plane.known.set(SILENCE.id, SILENCE);
    expect(await send('GET', '/silences')).toEqual({ status: 200, body: [shown] });
    expect(await send('GET', '/silences?active=false')).toEqual({ status: 200, body: [] });
    expect(await send('GET', `/silence/${SILENCE.id.toUpperCase()}`)).toEqual({ status: 200, body: shown });
    expect(await send('DELETE', `/silence/${SILENCE.id}`)).toEqual({ status: 200, body: '' });
  });

  it('makes one', async () => {
    expect(await send('POST', '/silences', posted)).toEqual({ status: 200, body: { silenceID: SILENCE.id } });
    expect(fakes.plane.drafts).toEqual([
      {
        matcherSets: [
          [
            { name: 'a', op: '=', value: 'b' },
            { name: 'c', op: '!~', value: 'd' },
          ],
        ],
        startsAtMs: NOW_MS,
        endsAtMs: NOW_MS + 7_200_000,
        createdBy: 'ann',
        comment: '',
      },
    ]);
  });

  it.each([
    [
      'a silence that is not there',
      { ...posted, id: '00000000-0000-4000-8000-000000000000' },
      404,
      'silence not found',
    ],
    [
      'an end in the past',
      { ...posted, endsAt: '2020-01-01T00:00:00Z' },
      400,
      "Failed to create silence: end time can't be in the past",
    ],
    ['nothing', {}, 422, { code: 602, message: 'comment in body is required' }],
    [
      'no matchers',
      { ...posted, matchers: [] },
      422,
      { code: 612, message: 'matchers in body should have at least 1 items' },
    ],
    [
      'half a matcher',
      { ...posted, matchers: [{ name: 'a' }] },
      422,
      { code: 602, message: 'matchers.0.isRegex in body is required' },
    ],
    ['no end', { ...posted, endsAt: undefined }, 422, { code: 602, message: 'endsAt in body is required' }],
    [
      'matchers of a wrong type',
      { ...posted, matchers: 'x' },
      400,
      {
        code: 400,
        message:
          'parsing silence body from "" failed, because json: cannot unmarshal string into Go struct field Silence.matchers of type models.Matchers',
      },
    ],
  ])('refuses %s', async (_name, payload, status, body) => {
    expect(await send('POST', '/silences', payload)).toEqual({ status, body });
  });

  it.each([
    ['GET', '00000000-0000-4000-8000-000000000000', 404, ''],
    ['DELETE', '00000000-0000-4000-8000-000000000000', 404, ''],
    ['GET', 'abc', 422, { code: 601, message: 'silenceID in path must be of type uuid: "abc"' }],
  ] as const)('%s of %s', async (method, id, status, body) => {
    expect(await send(method, `/silence/${id}`)).toEqual({ status, body });
  });
});

describe('status, receivers and the rest', () => {
  it('status', async () => {
    expect(await send('GET', '/status')).toMatchObject({
      status: 200,
      body: {
        cluster: { status: 'ready', peers: [{ name: 'me', address: '127.0.0.1:9094' }] },
        config: { original: 'route: {}\n' },
        uptime: '2024-05-01T09:59:00.000Z',
        versionInfo: { version: '0.1.0' },
      },
    });
  });

  it.each([
    [
      '',
      [
        { name: 'team-a', labels: { team: 'a', name: 'team-a' } },
        { name: 'team-b', labels: { name: 'team-b' } },
      ],
    ],
    [
      `?receiver_matchers=${encodeURIComponent('name=~".*-b"')}`,
      [{ name: 'team-b', labels: { name: 'team-b' } }],
    ],
  ])('receivers%s', async (query, body) => {
    expect(await send('GET', `/receivers${query}`)).toEqual({ status: 200, body });
  });

  it('unknown paths and methods', async () => {
    expect(await send('GET', '/nope')).toEqual({
      status: 404,
      body: { code: 404, message: 'path /api/v2/nope was not found' },
    });
    expect(await send('PUT', '/alerts')).toEqual({
      status: 405,
      body: { code: 405, message: 'method PUT is not allowed, but [POST,GET] are' },
    });
  });

  it('says when there is no embedded Alertmanager', async () => {
    fakes.hasEmbedded = false;
    expect(await send('GET', '/alerts')).toEqual({
      status: 404,
      body: 'this tocsin has no embedded Alertmanager: alerting.alertmanagers says where alerts go',
    });
  });

  it('shows what the outbox still has to send', async () => {
    fakes.openNotifications = [
      {
        id: 'r1',
        key: { groupKey: '{}:{}', receiver: 'team-a', integration: 'webhook', index: 0 },
        state: 'pending',
        createdAtMs: NOW_MS,
        updatedAtMs: NOW_MS,
        attempts: 2,
        nextAttemptMs: NOW_MS + 1000,
        ambiguous: false,
        lastError: 'HTTP 503',
        payload: '{"secret":1}',
      },
    ];
    const response = await api.inject('/api/tocsin/v1/outbox');
    expect(response.json()).toEqual({
      status: 'success',
      data: [
        {
          id: 'r1',
          groupKey: '{}:{}',
          receiver: 'team-a',
          integration: 'webhook',
          index: 0,
          state: 'pending',
          createdAt: '2024-05-01T10:00:00.000Z',
          updatedAt: '2024-05-01T10:00:00.000Z',
          nextAttemptAt: '2024-05-01T10:00:01.000Z',
          attempts: 2,
          ambiguous: false,
          lastError: 'HTTP 503',
        },
      ],
    });
  });

  it('answers 410 for the old API when Alertmanager stands alone', async () => {
    const alone = createApi(fakes.deps({}, false));
    const response = await alone.inject('/api/v1/alerts');
    expect(response.statusCode).toBe(410);
    expect(response.json()).toMatchObject({ status: 'deprecated' });
    await alone.close();
  });
});

describe('arbitrary bodies', () => {
  it('never make the API fail', async () => {
    const value = fc.jsonValue({ maxDepth: 3 });
    const nearly = fc.array(
      fc.record(
        {
          labels: fc.oneof(value, fc.dictionary(fc.string(), fc.string())),
          annotations: value,
          startsAt: fc.oneof(fc.string(), fc.constant('2024-05-01T10:00:00Z')),
          endsAt: value,
          generatorURL: fc.string(),
          matchers: fc.oneof(
            value,
            fc.array(fc.record({ name: fc.string(), value: fc.string(), isRegex: fc.boolean() })),
          ),
          createdBy: fc.string(),
          comment: fc.string(),
        },
        { requiredKeys: [] },
      ),
    );
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom('/alerts', '/silences'),
        fc.oneof(nearly, value),
        async (path, body) => {
          const payload = path === '/silences' && Array.isArray(body) ? (body[0] ?? null) : body;
          const { status } = await send('POST', path, JSON.stringify(payload));
          expect([200, 400, 404, 422]).toContain(status);
        },
      ),
      { numRuns: 100 },
    );
    expect(fakes.failures).toEqual([]);
  });
});
