import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { notificationOf } from '../helpers.ts';
import { EXTERNAL_URL, FIRING, RESOLVED, ReceiverBench, readNotifyConfig } from '../receiver-bench.ts';
import type { Answer, Recorded } from '../servers.ts';
import { testFailures } from './failures.ts';

let bench: ReceiverBench;
beforeAll(async () => {
  bench = await ReceiverBench.start();
});
beforeEach(() => bench.reset());
afterAll(() => bench.stop());

function receiver(fields: string, global = ''): string {
  return `global: {${global}}\nreceivers: [{name: team, rocketchat_configs: [{${fields}}]}]`;
}
const OWN = 'api_url: URL, token: t0ken, token_id: us3r, channel: "#ml"';
const YAML = receiver(OWN);

/** chat.postMessage: both headers of a user, a channel, and attachments of the shape it has. */
function rocketchat({ method, path, headers, body }: Recorded): Answer {
  const say = (status: number, value: unknown) => ({ status, body: JSON.stringify(value) });
  if (method !== 'POST' || path !== '/api/v1/chat.postMessage') return say(404, {});
  if (headers['x-auth-token'] !== 't0ken' || headers['x-user-id'] !== 'us3r') {
    return say(401, { status: 'error', message: 'You must be logged in to do this.' });
  }
  const { channel, attachments } = JSON.parse(body) as {
    channel?: string;
    attachments: { title?: string; fields?: { short: unknown }[] }[];
  };
  if (channel === undefined) return say(400, { success: false, error: 'no channel [invalid-channel]' });
  for (const { title = '', fields = [] } of attachments) {
    if (Array.from(title).length > 1024) return say(400, { success: false, error: 'title too long' });
    if (fields.some(({ short }) => typeof short !== 'boolean')) return say(400, { success: false });
  }
  return say(200, { success: true, channel });
}

describe('rocketchat', () => {
  it('posts the default attachment as the user of the token', async () => {
    bench.server.answer = rocketchat;
    expect(await bench.send(YAML, notificationOf([FIRING, RESOLVED]))).toEqual({ kind: 'sent' });
    expect(await bench.send(YAML, notificationOf([RESOLVED]))).toEqual({ kind: 'sent' });
    const link = `${EXTERNAL_URL}/#/alerts?receiver=team`;
    expect(bench.server.json(0)).toEqual({
      channel: '#ml',
      attachments: [{ title: '[FIRING:1] m1 (HighLatency page)', title_link: link, color: 'red' }],
    });
    expect(bench.server.json(1)).toEqual({
      channel: '#ml',
      attachments: [{ title: '[RESOLVED] m1 (HighLatency b:1 page)', title_link: link, color: 'green' }],
    });
  });

  it('sends every field, templated; what the API does not have is dropped as Alertmanager does', async () => {
    bench.server.answer = rocketchat;
    bench.files.put('/secrets/token', 't0ken\n');
    bench.files.put('/secrets/id', 'us3r\n');
    await bench.send(
      `receivers:
        - name: team
          rocketchat_configs:
            - api_url: URL/
              token_file: /secrets/token
              token_id_file: /secrets/id
              channel: '#{{ .GroupLabels.model }}'
              color: 'c-{{ .Status }}'
              title: 't-{{ .Status }}'
              title_link: 'http://t/{{ .Status }}'
              text: 'x-{{ .Status }}'
              emoji: ':{{ .Status }}:'
              icon_url: 'http://icon/{{ .Status }}'
              image_url: 'http://image/{{ .Status }}'
              thumb_url: 'http://thumb/{{ .Status }}'
              link_names: true
              short_fields: true
              fields: [{title: 'f-{{ .Status }}', value: '{{ .Status }}'}, {title: g, value: v, short: false}]
              actions:
                - {type: other, text: 'Run {{ .Status }}', url: 'http://r/{{ .Status }}', imageurl: i, iswebview: true}
                - {text: Say, msg: 'm-{{ .Status }}', msginchatwindow: true, msgprocessingtype: sendMessage, webviewheightratio: full}`,
      notificationOf([FIRING]),
    );
    expect(bench.server.requests[0]!.path).toBe('/api/v1/chat.postMessage');
    expect(bench.server.json()).toEqual({
      channel: '#m1',
      emoji: ':firing:',
      avatar: 'http://icon/firing',
      attachments: [
        {
          title: 't-firing',
          title_link: 'http://t/firing',
          text: 'x-firing',
          image_url: 'http://image/firing',
          thumb_url: 'http://thumb/firing',
          color: 'c-firing',
          fields: [
            { short: true, title: 'f-firing', value: 'firing' },
            { short: false, title: 'g', value: 'v' },
          ],
          actions: [
            {
              type: 'button',
              text: 'Run firing',
              url: 'http://r/firing',
              is_webview: false,
              msg_in_chat_window: false,
            },
            { type: 'button', text: 'Say', is_webview: false, msg: 'm-firing', msg_in_chat_window: false },
          ],
        },
      ],
    });
  });

  it('a title too long is cut to 1024 characters', async () => {
    bench.server.answer = rocketchat;
    const yaml = receiver(`${OWN}, title: "${'é'.repeat(1025)}"`);
    expect(await bench.send(yaml, notificationOf([FIRING]))).toEqual({ kind: 'sent' });
    const { attachments } = bench.server.json() as { attachments: { title: string }[] };
    expect(attachments[0]!.title).toBe(`${'é'.repeat(1023)}…`);
    expect(bench.logger.lines.join()).toContain('Truncated title');
  });

  it.each([
    [
      '{"success": false, "error": "bad [x] t0ken"}',
      'reject',
      'error response from Rocketchat: bad [x] <secret>',
    ],
    ['{}', 'reject', 'error response from Rocketchat: no reason given'],
    ['<html>', 'retry', 'could not unmarshal JSON response "<html>"'],
  ])('200 with %s: %s', async (body, kind, message) => {
    bench.server.answer = () => ({ body });
    const outcome = await bench.send(YAML, notificationOf([FIRING]));
    expect(outcome).toMatchObject({ kind, reason: 'clientError', message: `channel "#ml": ${message}` });
  });

  it('a token file that is missing is tried again; a failing template is final', async () => {
    const missing = receiver('api_url: URL, token_file: /none, token_id: u');
    expect(await bench.send(missing, notificationOf([FIRING]))).toMatchObject({ kind: 'retry' });
    const failing = receiver(`${OWN}, text: "{{ .Nope }}"`);
    expect(await bench.send(failing, notificationOf([FIRING]))).toMatchObject({ kind: 'reject' });
    expect(bench.server.requests).toEqual([]);
  });

  testFailures(() => bench, YAML, { secrets: ['t0ken', 'us3r'], prefix: 'channel "#ml": ' });
});

describe('rocketchat_configs', () => {
  const config = (yaml: string) => {
    const read = readNotifyConfig(yaml);
    return typeof read === 'string' ? read : read.receivers[0]!.integrations[0];
  };

  it('takes what it does not have itself from global', () => {
    const global = 'rocketchat_api_url: http://g, rocketchat_token_file: /g, rocketchat_token_id: gi';
    expect(config(receiver('', global))).toMatchObject({
      kind: 'rocketchat',
      sendResolved: false,
      config: { apiUrl: 'http://g', token: { file: '/g' }, shortFields: false, fields: [], actions: [] },
    });
    const own = config(receiver('token: mine, token_id_file: /other', global));
    expect(own).toMatchObject({ config: { tokenId: { file: '/other' } } });
    expect(JSON.stringify(own)).toContain('"token":{"value":"<secret>"}');
    expect(JSON.stringify(own)).not.toContain('mine');
    expect(config(receiver('token: t, token_id: i'))).toMatchObject({
      config: { apiUrl: 'https://open.rocket.chat/' },
    });
  });

  it.each([
    ['no token', receiver('token_id: i'), 'no global Rocketchat Token set either inline or in a file'],
    ['no user', receiver('token: t'), 'no global Rocketchat TokenID set either inline or in a file'],
    [
      'two tokens',
      receiver('token: t, token_file: /t, token_id: i'),
      'at most one of token & token_file must be configured',
    ],
    [
      'two users',
      receiver('token: t, token_id: i, token_id_file: /i'),
      'at most one of token_id & token_id_file must be configured',
    ],
    ['a key it does not have', receiver('chanel: a'), '2:48: unknown key "chanel"'],
    ['a number of a field', receiver('fields: [{short: 1}]'), '2:65: '],
  ])('refuses %s', (_, yaml, message) => {
    expect(config(yaml)).toContain(message);
  });
});
