import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { alertOf, notificationOf } from './helpers.ts';
import { FIRING, RESOLVED, ReceiverBench } from './receiver-bench.ts';
import {
  ALERTS_URL,
  FIRING_LIST,
  FIRING_MARKDOWN,
  SUBJECT_BOTH,
  SUBJECT_FIRING,
  SUBJECT_RESOLVED,
} from './receiver-texts.ts';
import type { RecordingServer } from './servers.ts';

/** Receivers that say something to people: Discord, Microsoft Teams, Telegram, Pushover. */

let bench: ReceiverBench;
let server: RecordingServer;

beforeAll(async () => {
  bench = await ReceiverBench.start();
  ({ server } = bench);
});
beforeEach(() => bench.reset());
afterAll(() => bench.stop());

const FIRING_PLAIN = `\n\nAlerts Firing:\n${FIRING_LIST}\n\n\n`;

describe('discord', () => {
  const discord = (fields: string): string =>
    `receivers: [{name: team, discord_configs: [{webhook_url: URL/hook, ${fields}}]}]`;

  it('posts the default embed', async () => {
    expect(await bench.send(discord(''), notificationOf([FIRING]))).toEqual({ kind: 'sent' });
    expect(server.requests[0]).toMatchObject({
      method: 'POST',
      path: '/hook',
      headers: { 'content-type': 'application/json', 'user-agent': 'tocsin' },
    });
    expect(server.json()).toEqual({
      content: '',
      embeds: [{ title: SUBJECT_FIRING, description: FIRING_PLAIN, color: 0x992d22 }],
    });
  });

  it('red while something fires, green at the end', async () => {
    await bench.send(discord(''), notificationOf([FIRING, RESOLVED]));
    await bench.send(discord(''), notificationOf([RESOLVED]));
    expect(server.json(0)).toMatchObject({ embeds: [{ title: SUBJECT_BOTH, color: 10_038_562 }] });
    expect(server.json(1)).toMatchObject({ embeds: [{ title: SUBJECT_RESOLVED, color: 3_066_993 }] });
  });

  it('sends every field; user name and avatar are no templates', async () => {
    await bench.send(
      discord(
        `content: "c {{ .Status }}", title: "t {{ .Status }}", message: "m {{ .Status }}", username: "{{ u }}", avatar_url: http://a/i.png`,
      ),
      notificationOf([FIRING]),
    );
    expect(server.json()).toEqual({
      content: 'c firing',
      embeds: [{ title: 't firing', description: 'm firing', color: 0x992d22 }],
      username: '{{ u }}',
      avatar_url: 'http://a/i.png',
    });
  });

  it('a bad avatar address is left out with a word in the log', async () => {
    await bench.send(discord('avatar_url: "http://[bad"'), notificationOf([FIRING]));
    expect(server.json()).not.toHaveProperty('avatar_url');
    expect(bench.logger.lines).toEqual([expect.stringMatching(/^Bad avatar url /)]);
  });

  it('cuts title, message and content by code points and says so', async () => {
    const long = '😀'.repeat(4097);
    await bench.send(
      discord(`title: "${long}", message: "${long}", content: "${long}"`),
      notificationOf([FIRING]),
    );
    expect(server.json()).toMatchObject({
      content: `${'😀'.repeat(1999)}…`,
      embeds: [{ title: `${'😀'.repeat(255)}…`, description: `${'😀'.repeat(4095)}…` }],
    });
    expect(bench.logger.lines).toEqual([
      expect.stringMatching(/^Truncated title .*max_runes=256$/),
      expect.stringMatching(/^Truncated message .*max_runes=4096$/),
      expect.stringMatching(/^Truncated message .*max_runes=2000$/),
    ]);
  });
});

describe('msteams', () => {
  const msteams = (fields: string): string =>
    `receivers: [{name: team, msteams_configs: [{webhook_url: URL/hook, ${fields}}]}]`;

  it('posts a message card with the defaults', async () => {
    expect(await bench.send(msteams(''), notificationOf([FIRING]))).toEqual({ kind: 'sent' });
    expect(server.requests[0]).toMatchObject({ method: 'POST', path: '/hook' });
    expect(server.json()).toEqual({
      '@context': 'http://schema.org/extensions',
      type: 'MessageCard',
      title: SUBJECT_FIRING,
      summary: SUBJECT_FIRING,
      text: `\n\n# Alerts Firing:\n${FIRING_MARKDOWN}\n\n\n`,
      themeColor: '8C1A1A',
    });
  });

  it('sends every field, templated, uncut, in green at the end', async () => {
    const long = 'x'.repeat(30_000);
    await bench.send(
      msteams(`title: "t {{ .Status }}", summary: "s {{ .Status }}", text: "${long} {{ .Status }}"`),
      notificationOf([RESOLVED]),
    );
    expect(server.json()).toMatchObject({
      title: 't resolved',
      summary: 's resolved',
      text: `${long} resolved`,
      themeColor: '2DC72D',
    });
  });
});

describe('msteamsv2', () => {
  const msteams = (fields: string): string =>
    `receivers: [{name: team, msteamsv2_configs: [{webhook_url: URL/hook, ${fields}}]}]`;

  it('posts an adaptive card with the defaults', async () => {
    expect(await bench.send(msteams(''), notificationOf([FIRING]))).toEqual({ kind: 'sent' });
    expect(server.json()).toEqual({
      type: 'message',
      attachments: [
        {
          contentType: 'application/vnd.microsoft.card.adaptive',
          contentUrl: null,
          content: {
            $schema: 'http://adaptivecards.io/schemas/adaptive-card.json',
            type: 'AdaptiveCard',
            version: '1.2',
            body: [
              {
                type: 'TextBlock',
                text: SUBJECT_FIRING,
                weight: 'Bolder',
                size: 'Medium',
                wrap: true,
                style: 'heading',
                color: 'Attention',
              },
              {
                type: 'TextBlock',
                text: `\n\n# Alerts Firing:\n${FIRING_MARKDOWN}\n\n\n`,
                wrap: true,
              },
            ],
            msteams: { width: 'full' },
          },
        },
      ],
    });
  });

  it('sends every field, templated, in green at the end', async () => {
    await bench.send(
      msteams('title: "t {{ .Status }}", text: "x {{ .Status }}"'),
      notificationOf([RESOLVED]),
    );
    expect(server.json()).toMatchObject({
      attachments: [{ content: { body: [{ text: 't resolved', color: 'Good' }, { text: 'x resolved' }] } }],
    });
  });
});

describe('telegram', () => {
  const telegram = (fields: string): string =>
    `receivers: [{name: team, telegram_configs: [{bot_token: "1:T", chat_id: -1001234567890, api_url: URL, ${fields}}]}]`;
  const OK = { body: '{"ok":true,"result":{"message_id":1}}' };

  it('sends the default message as HTML; everything as text', async () => {
    server.answer = () => OK;
    expect(await bench.send(telegram(''), notificationOf([FIRING]))).toEqual({ kind: 'sent' });
    expect(server.requests[0]).toMatchObject({
      method: 'POST',
      path: '/bot1:T/sendMessage',
      headers: { 'content-type': 'application/json' },
    });
    expect(server.json()).toEqual({
      chat_id: '-1001234567890',
      text: FIRING_PLAIN,
      disable_web_page_preview: 'true',
      parse_mode: 'HTML',
    });
  });

  it.each(['Markdown', 'MarkdownV2'])('sends every field in %s', async (mode) => {
    server.answer = () => OK;
    const yaml = telegram(
      `message: "<{{ .Status }}>", parse_mode: ${mode}, disable_notifications: true, message_thread_id: 7`,
    );
    await bench.send(yaml, notificationOf([RESOLVED]));
    expect(server.json()).toEqual({
      chat_id: '-1001234567890',
      text: '<resolved>',
      disable_web_page_preview: 'true',
      disable_notification: 'true',
      parse_mode: mode,
      message_thread_id: '7',
    });
  });

  it('HTML escapes what comes from alerts, plain text does not', async () => {
    server.answer = () => OK;
    const nasty = notificationOf([alertOf({ alertname: '<b>&' })]);
    const message = 'message: "<b>{{ .CommonLabels.alertname }}</b>"';
    await bench.send(telegram(message), nasty);
    await bench.send(telegram(`${message}, parse_mode: ""`), nasty);
    expect(server.json(0)).toMatchObject({ text: '<b>&lt;b&gt;&amp;</b>' });
    const plain = server.json(1) as Record<string, unknown>;
    expect(plain).toMatchObject({ text: '<b><b>&</b>' });
    expect(plain).not.toHaveProperty('parse_mode');
  });

  it('cuts at 4096 code points, but replaces HTML', async () => {
    server.answer = () => OK;
    const long = `message: "${'😀'.repeat(4097)}"`;
    await bench.send(telegram(`${long}, parse_mode: ""`), notificationOf([FIRING]));
    await bench.send(telegram(long), notificationOf([FIRING]));
    await bench.send(telegram(`message: "${'😀'.repeat(4096)}"`), notificationOf([FIRING]));
    expect(server.json(0)).toMatchObject({ text: `${'😀'.repeat(4095)}…` });
    expect(server.json(1)).toMatchObject({
      text: 'Alertmanager notification could not be sent: message length exceeds Telegram limits.\n\t\t\tPlease check the template used for producing the message content.',
    });
    expect(server.json(2)).toMatchObject({ text: '😀'.repeat(4096) });
    expect(bench.logger.lines).toEqual([
      expect.stringMatching(/^Truncated message .*max_runes=4096$/),
      expect.stringMatching(/^Replaced message that is too long .*max_runes=4096$/),
    ]);
  });

  it('the chat may stand in a file, which is read each time', async () => {
    server.answer = () => OK;
    const yaml =
      'receivers: [{name: team, telegram_configs: [{bot_token: t, chat_id_file: /chat, api_url: URL}]}]';
    bench.files.put('/chat', ' -42\n');
    expect(await bench.send(yaml, notificationOf([FIRING]))).toEqual({ kind: 'sent' });
    expect(server.json()).toMatchObject({ chat_id: '-42' });
    bench.files.put('/chat', 'nobody');
    expect(await bench.send(yaml, notificationOf([FIRING]))).toEqual({
      kind: 'retry',
      reason: 'other',
      message: 'could not parse chat_id from /chat',
    });
    await bench.files.remove('/chat');
    expect(await bench.send(yaml, notificationOf([FIRING]))).toMatchObject({ kind: 'retry' });
    expect(server.requests).toHaveLength(1);
  });

  it('takes address and token of global', async () => {
    server.answer = () => OK;
    await bench.send(
      'global: {telegram_api_url: URL/g, telegram_bot_token: G}\nreceivers: [{name: team, telegram_configs: [{chat_id: 1}]}]',
      notificationOf([FIRING]),
    );
    expect(server.requests[0]!.path).toBe('/g/botG/sendMessage');
  });

  it.each([
    [
      'an error of the API',
      { status: 400, body: '{"ok":false,"error_code":400,"description":"Bad Request: chat not found"}' },
      {
        kind: 'reject',
        reason: 'clientError',
        message: 'unexpected status code 400: Bad Request: chat not found',
      },
    ],
    [
      'a flood, which says how long to wait',
      {
        status: 429,
        body: '{"ok":false,"error_code":429,"description":"Too Many Requests","parameters":{"retry_after":5}}',
      },
      {
        kind: 'retry',
        reason: 'rateLimited',
        message: 'unexpected status code 429: Too Many Requests',
        afterMs: 5000,
      },
    ],
    [
      'ok: false inside 200',
      { body: '{"ok":false,"error_code":403,"description":"Forbidden: bot was blocked"}' },
      { kind: 'reject', reason: 'authError', message: 'telegram: Forbidden: bot was blocked (403)' },
    ],
    [
      'a flood inside 200',
      {
        body: '{"ok":false,"error_code":429,"description":"Too Many Requests","parameters":{"retry_after":3}}',
      },
      {
        kind: 'retry',
        reason: 'rateLimited',
        message: 'telegram: Too Many Requests (429)',
        afterMs: 3000,
      },
    ],
    [
      'ok: false without a reason',
      { body: '{"ok":false}' },
      { kind: 'reject', reason: 'other', message: 'telegram:  (200)' },
    ],
    [
      'an answer that is no JSON',
      { body: 'proxy says hello' },
      {
        kind: 'retry',
        reason: 'other',
        message: 'could not unmarshal JSON response "proxy says hello"',
        unknown: true,
      },
    ],
  ])('%s', async (_, answer, outcome) => {
    server.answer = () => answer;
    expect(await bench.send(telegram(''), notificationOf([FIRING]))).toEqual(outcome);
  });
});

describe('pushover', () => {
  const HOST = 'https://api.pushover.net';
  const pushover = (fields: string): string =>
    `receivers: [{name: team, pushover_configs: [{user_key: u5er, token: t0ken, ${fields}}]}]`;
  const sent = (index = 0): Record<string, string> =>
    Object.fromEntries(new URL(`http://h${server.requests[index]!.path}`).searchParams);

  it('posts the defaults in the query, sorted, without a body', async () => {
    expect(await bench.send(pushover(''), notificationOf([FIRING]), {}, HOST)).toEqual({ kind: 'sent' });
    const [request] = server.requests;
    expect(request).toMatchObject({
      method: 'POST',
      body: '',
      headers: { 'content-type': 'text/plain', 'user-agent': 'tocsin' },
    });
    const url = new URL(`http://h${request!.path}`);
    expect(url.pathname).toBe('/1/messages.json');
    expect([...url.searchParams]).toEqual([
      ['device', ''],
      ['expire', '3600'],
      ['message', `p99 is 2.1 s 2.1\n\nAlerts Firing:\n${FIRING_LIST.trimEnd()}`],
      ['priority', '2'],
      ['retry', '60'],
      ['sound', ''],
      ['title', SUBJECT_FIRING],
      ['token', 't0ken'],
      ['url', ALERTS_URL],
      ['url_title', ''],
      ['user', 'u5er'],
    ]);
  });

  it('a resolved group has an ordinary priority', async () => {
    await bench.send(pushover(''), notificationOf([RESOLVED]), {}, HOST);
    expect(sent()).toMatchObject({ priority: '0', title: SUBJECT_RESOLVED });
  });

  it('sends every field, templated', async () => {
    const yaml = `receivers:
      - name: team
        pushover_configs:
          - user_key: 'u-{{ .GroupLabels.model }}'
            token: 't-{{ .GroupLabels.model }}'
            title: 't {{ .Status }}'
            message: 'm {{ .Status }}'
            url: 'http://u/{{ .Status }}'
            url_title: 'ut {{ .Status }}'
            device: 'd {{ .Status }}'
            sound: 's {{ .Status }}'
            priority: '1'
            retry: 1m30.9s
            expire: 90s
            ttl: 1h
            monospace: true`;
    await bench.send(yaml, notificationOf([FIRING]), {}, HOST);
    expect(sent()).toEqual({
      user: 'u-m1',
      token: 't-m1',
      title: 't firing',
      message: 'm firing',
      url: 'http://u/firing',
      url_title: 'ut firing',
      device: 'd firing',
      sound: 's firing',
      priority: '1',
      retry: '90',
      expire: '90',
      ttl: '3600',
      monospace: '1',
    });
  });

  it('html escapes what comes from alerts in the message alone', async () => {
    const nasty = notificationOf([alertOf({ alertname: '<i>' })]);
    const yaml = pushover(
      'html: true, message: "<b>{{ .CommonLabels.alertname }}</b>", title: "{{ .CommonLabels.alertname }}"',
    );
    await bench.send(yaml, nasty, {}, HOST);
    expect(sent()).toMatchObject({ html: '1', message: '<b>&lt;i&gt;</b>', title: '<i>' });
  });

  it('a message without a text has a placeholder', async () => {
    await bench.send(pushover('message: " "'), notificationOf([FIRING]), {}, HOST);
    expect(sent()).toMatchObject({ message: '(no details)' });
  });

  it('cuts title, message and URL by code points and says so', async () => {
    // Not all of it of four bytes: servers take only so long an address.
    const [faces, accents] = ['😀'.repeat(251), 'é'.repeat(1025)];
    const yaml = pushover(`title: "${faces}", message: "${accents}", url: "${accents}"`);
    await bench.send(yaml, notificationOf([FIRING]), {}, HOST);
    expect(sent()).toMatchObject({
      title: `${'😀'.repeat(249)}…`,
      message: `${'é'.repeat(1023)}…`,
      url: `${'é'.repeat(511)}…`,
    });
    const limits = bench.logger.lines.map((line) =>
      /^(Truncated \w+) .*(max_runes=\d+)$/.exec(line)?.slice(1),
    );
    expect(limits.map((words) => words?.join(' '))).toEqual([
      'Truncated message max_runes=1024',
      'Truncated title max_runes=250',
      'Truncated URL max_runes=512',
    ]);
  });
});
