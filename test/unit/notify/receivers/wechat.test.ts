import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { VirtualClock } from '../../../../src/core/virtual-clock.ts';
import { START_MS, notificationOf } from '../helpers.ts';
import { EXTERNAL_URL, FIRING, RESOLVED, ReceiverBench, readNotifyConfig } from '../receiver-bench.ts';
import type { Answer, Recorded } from '../servers.ts';

let bench: ReceiverBench;
beforeAll(async () => {
  bench = await ReceiverBench.start();
});
beforeEach(() => bench.reset());
afterAll(() => bench.stop());

function receiver(fields: string, global = ''): string {
  return `global: {${global}}\nreceivers: [{name: team, wechat_configs: [{${fields}}]}]`;
}
const OWN = 'api_url: URL/cgi-bin, api_secret: s3cret, corp_id: corp';
const YAML = receiver(OWN);

/** WeChat: gives a new token for the right secret, and takes messages with one it still knows. */
class Wechat {
  readonly messages: Record<string, unknown>[] = [];
  tokens = 0;
  valid = new Set<string>();
  /** Instead of `{"errcode": 0}`. */
  verdict: Record<string, unknown> | undefined;

  answer = ({ method, path, headers, body }: Recorded): Answer => {
    const url = new URL(path, 'http://wechat');
    const say = (value: Record<string, unknown>) => ({ body: JSON.stringify(value) });
    if (url.pathname === '/cgi-bin/gettoken' && method === 'GET') {
      const { corpid, corpsecret } = Object.fromEntries(url.searchParams);
      if (corpid !== 'corp' || corpsecret !== 's3cret') {
        return say({ errcode: 40_001, errmsg: `invalid credential ${corpsecret}` });
      }
      const token = `t0ken-${++this.tokens}`;
      this.valid.add(token);
      return say({ errcode: 0, errmsg: 'ok', access_token: token, expires_in: 7200 });
    }
    if (url.pathname !== '/cgi-bin/message/send' || method !== 'POST') return { status: 404 };
    if (headers['content-type'] !== 'application/json') return { status: 415 };
    if (this.verdict !== undefined) return say(this.verdict);
    const token = url.searchParams.get('access_token') ?? '';
    if (!this.valid.has(token)) return say({ errcode: 42_001, errmsg: `access_token expired ${token}` });
    const message = JSON.parse(body) as Record<string, unknown>;
    if (!['text', 'markdown'].includes(String(message['msgtype']))) return say({ errcode: 40_008 });
    this.messages.push(message);
    return say({ errcode: 0, errmsg: 'ok' });
  };
}

describe('wechat', () => {
  it('fetches a token and posts the default message with it', async () => {
    const wechat = new Wechat();
    bench.server.answer = wechat.answer;
    const yaml = YAML.replace('corp_id: corp', 'corp_id: corp, to_user: "@all", agent_id: "7"');
    expect(await bench.send(yaml, notificationOf([FIRING]))).toEqual({ kind: 'sent' });
    expect(bench.server.requests.map(({ method, path }) => `${method} ${path}`)).toEqual([
      'GET /cgi-bin/gettoken?corpid=corp&corpsecret=s3cret',
      'POST /cgi-bin/message/send?access_token=t0ken-1',
    ]);
    expect(wechat.messages).toEqual([
      {
        text: {
          content: `[FIRING:1] m1 (HighLatency a:1 page)
p99 is 2.1 s 2.1
Alerts Firing:
Labels:
 - alertname = HighLatency
 - instance = a:1
 - model = m1
 - severity = page
Annotations:
 - summary = p99 is 2.1 s
 - value = 2.1
Source: http://tocsin.example/graph


AlertmanagerUrl:
${EXTERNAL_URL}/#/alerts?receiver=team`,
        },
        touser: '@all',
        agentid: '7',
        safe: '0',
        msgtype: 'text',
        markdown: { content: '' },
      },
    ]);
  });

  it('every text is a template; Markdown has its own place', async () => {
    const wechat = new Wechat();
    bench.server.answer = wechat.answer;
    bench.files.put('/secrets/wechat', '{{ "s3cret" }}\n');
    const yaml = receiver(
      `api_url: URL/cgi-bin/, api_secret_file: /secrets/wechat, corp_id: '{{ "corp" }}', message_type: markdown,
       message: 'is {{ .Status }}', to_user: 'u-{{ .Status }}', to_party: 'p-{{ .Status }}',
       to_tag: 't-{{ .Status }}', agent_id: 'a-{{ .Status }}'`,
    );
    expect(await bench.send(yaml, notificationOf([RESOLVED]))).toEqual({ kind: 'sent' });
    expect(wechat.messages).toEqual([
      {
        text: { content: '' },
        touser: 'u-resolved',
        toparty: 'p-resolved',
        totag: 't-resolved',
        agentid: 'a-resolved',
        safe: '0',
        msgtype: 'markdown',
        markdown: { content: 'is resolved' },
      },
    ]);
  });

  it('keeps its token for two hours', async () => {
    const wechat = new Wechat();
    bench.server.answer = wechat.answer;
    const clock = new VirtualClock(START_MS);
    bench.clock = clock;
    const same = bench.receiver(YAML);
    const send = () => same.send(notificationOf([FIRING]), new AbortController().signal);
    await send();
    await clock.advanceBy(2 * 3_600_000);
    await send();
    expect(wechat.tokens).toBe(1);
    await clock.advanceBy(1);
    await send();
    expect(wechat.tokens).toBe(2);
    expect(wechat.messages).toHaveLength(3);
  });

  it.each([42_001, 40_014])('a token that is over (%i) is tried again with a new one', async (errcode) => {
    const wechat = new Wechat();
    bench.server.answer = wechat.answer;
    const same = bench.receiver(YAML);
    const send = () => same.send(notificationOf([FIRING]), new AbortController().signal);
    await send();
    wechat.verdict = { errcode, errmsg: 'token t0ken-1 is over' };
    expect(await send()).toEqual({
      kind: 'retry',
      reason: 'authError',
      message: `error response from WeChat: ${errcode}: token <secret> is over`,
    });
    wechat.verdict = undefined;
    expect(await send()).toEqual({ kind: 'sent' });
    expect(wechat.tokens).toBe(2);
  });

  it.each([
    [40_003, 'reject', 'clientError'],
    [-1, 'retry', 'serverError'],
    [45_009, 'retry', 'rateLimited'],
  ])('errcode %i: %s %s', async (errcode, kind, reason) => {
    const wechat = new Wechat();
    wechat.verdict = { errcode, errmsg: 'why' };
    bench.server.answer = wechat.answer;
    expect(await bench.send(YAML, notificationOf([FIRING]))).toEqual({
      kind,
      reason,
      message: `error response from WeChat: ${errcode}: why`,
    });
  });

  it('a secret that WeChat refuses is final and does not show', async () => {
    bench.server.answer = new Wechat().answer;
    const message = 'invalid APISecret for CorpID: corp: invalid credential <secret>';
    for (const written of ['wr0ng', `'{{ print "wr" "0ng" }}'`]) {
      const outcome = await bench.send(YAML.replace('s3cret', written), notificationOf([FIRING]));
      expect(outcome).toEqual({ kind: 'reject', reason: 'clientError', message });
    }
    expect(bench.server.requests).toHaveLength(2);
  });

  describe.each(['gettoken', 'message/send'])('%s', (place) => {
    it.each([
      [400, 'reject', 'clientError'],
      [404, 'reject', 'clientError'],
      [429, 'retry', 'rateLimited'],
      [500, 'retry', 'serverError'],
      [503, 'retry', 'serverError'],
    ])('that answers %i: %s %s, without secrets', async (status, kind, reason) => {
      const wechat = new Wechat();
      bench.server.answer = (request) =>
        request.path.includes(place)
          ? { status, headers: { 'Retry-After': '3' }, body: `at ${request.path}` }
          : wechat.answer(request);
      const outcome = await bench.send(YAML, notificationOf([FIRING]));
      expect(outcome).toMatchObject({ kind, reason, ...(kind === 'retry' && { afterMs: 3000 }) });
      expect(JSON.stringify(outcome)).toContain(`unexpected status code ${status}: at /cgi-bin/${place}?`);
      expect(JSON.stringify(outcome)).not.toMatch(/s3cret|t0ken/);
    });
  });

  it('an answer that is no JSON may have arrived', async () => {
    const wechat = new Wechat();
    bench.server.answer = (request) =>
      request.path.includes('send') ? { body: '<html>' } : wechat.answer(request);
    expect(await bench.send(YAML, notificationOf([FIRING]))).toEqual({
      kind: 'retry',
      reason: 'other',
      message: 'could not unmarshal JSON response "<html>"',
      unknown: true,
    });
  });

  it('a failing template is final; a secret file that is missing is tried again', async () => {
    const failing = await bench.send(receiver(`${OWN}, message: "{{ .Nope }}"`), notificationOf([FIRING]));
    expect(failing).toMatchObject({ kind: 'reject' });
    const yaml = receiver('api_secret_file: /none, corp_id: c');
    expect(await bench.send(yaml, notificationOf([FIRING]))).toMatchObject({ kind: 'retry' });
    expect(bench.server.requests).toEqual([]);
  });
});

describe('wechat_configs', () => {
  const config = (yaml: string) => {
    const read = readNotifyConfig(yaml);
    return typeof read === 'string' ? read : read.receivers[0]!.integrations[0];
  };

  it('takes what it does not have itself from global', () => {
    const global = 'wechat_api_secret: g, wechat_api_corp_id: gc, wechat_api_url: http://g/cgi-bin';
    expect(config(receiver('', global))).toMatchObject({
      kind: 'wechat',
      sendResolved: false,
      config: {
        apiUrl: 'http://g/cgi-bin',
        corpId: 'gc',
        messageType: 'text',
        message: '{{ template "wechat.default.message" . }}',
        toUser: '{{ template "wechat.default.to_user" . }}',
        toParty: '{{ template "wechat.default.to_party" . }}',
        toTag: '{{ template "wechat.default.to_tag" . }}',
        agentId: '{{ template "wechat.default.agent_id" . }}',
      },
    });
    expect(JSON.stringify(config(receiver('', global)))).toContain('"apiSecret":{"value":"<secret>"}');
    const own = 'api_secret_file: /own, corp_id: oc, send_resolved: true';
    expect(config(receiver(own, global))).toMatchObject({
      sendResolved: true,
      config: { apiSecret: { file: '/own' }, corpId: 'oc' },
    });
    expect(config(receiver('api_secret: s, corp_id: c'))).toMatchObject({
      config: { apiUrl: 'https://qyapi.weixin.qq.com/cgi-bin/' },
    });
  });

  it.each([
    ['no secret', receiver('corp_id: c'), 'no global Wechat Api Secret set either inline or in a file'],
    ['no corp', receiver('api_secret: s'), 'no global Wechat CorpID set'],
    [
      'two secrets',
      receiver('api_secret: a, api_secret_file: /b, corp_id: c'),
      'at most one of api_secret & api_secret_file must be configured',
    ],
    [
      'another type',
      receiver('message_type: news'),
      '2:58: receivers[0].wechat_configs[0].message_type: weChat message type "news" does not match valid options ^(text|markdown)$',
    ],
    ['a key it does not have', receiver('to_users: a'), '2:44: unknown key "to_users"'],
  ])('refuses %s', (_, yaml, message) => {
    expect(config(yaml)).toContain(message);
  });
});
