import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { notificationOf } from '../helpers.ts';
import { EXTERNAL_URL, FIRING, RESOLVED, ReceiverBench, readNotifyConfig } from '../receiver-bench.ts';
import type { Answer, Recorded } from '../servers.ts';
import { testFailures } from './failures.ts';
import { FIRING_MARKDOWN } from '../receiver-texts.ts';

let bench: ReceiverBench;
beforeAll(async () => {
  bench = await ReceiverBench.start();
});
beforeEach(() => bench.reset());
afterAll(() => bench.stop());

function receiver(fields: string, global = ''): string {
  return `global: {${global}}\nreceivers: [{name: team, mattermost_configs: [{${fields}}]}]`;
}
const OWN = 'webhook_url: URL/hooks/s3cret, channel: ml';
const YAML = receiver(OWN);

/** An incoming webhook: text or attachments, a text of up to 16383 characters, flags only where the priority has them. */
function mattermost({ method, path, body }: Recorded): Answer {
  const refuse = (why: string) => ({ status: 400, body: why });
  if (method !== 'POST' || path !== '/hooks/s3cret') return { status: 404 };
  const {
    text = '',
    attachments = [],
    priority,
  } = JSON.parse(body) as {
    text?: string;
    attachments?: unknown[];
    priority?: { priority: string; requested_ack?: boolean; persistent_notifications?: boolean };
  };
  if (text === '' && attachments.length === 0) return refuse('Invalid webhook');
  if (Array.from(text).length > 16_383) return refuse('Post message is too long');
  const level = ['standard', 'important', 'urgent'].indexOf(priority?.priority ?? 'standard');
  if (level < 0) return refuse('unknown priority');
  if (priority?.requested_ack === true && level < 1) return refuse('no acknowledgement');
  if (priority?.persistent_notifications === true && level < 2) return refuse('no persistence');
  return { body: 'ok' };
}

describe('mattermost', () => {
  it('posts the default attachment', async () => {
    bench.server.answer = mattermost;
    expect(await bench.send(YAML, notificationOf([FIRING]))).toEqual({ kind: 'sent' });
    const link = `${EXTERNAL_URL}/#/alerts?receiver=team`;
    const title = '[FIRING:1] m1 (HighLatency a:1 page)';
    expect(bench.server.json()).toEqual({
      channel: 'ml',
      username: 'Alertmanager',
      attachments: [
        {
          fallback: `${title} | ${link}`,
          color: 'danger',
          text: `\n\n# Alerts Firing:\n${FIRING_MARKDOWN}\n\n\n`,
          title,
          title_link: link,
        },
      ],
    });
  });

  it('tells of what is resolved in another colour', async () => {
    bench.server.answer = mattermost;
    await bench.send(YAML, notificationOf([RESOLVED]));
    expect(bench.server.json()).toMatchObject({
      attachments: [
        {
          color: 'good',
          title: '[RESOLVED] m1 (HighLatency b:1 page)',
          text: expect.stringContaining('# Alerts Resolved:'),
        },
      ],
    });
  });

  it('sends every field, templated', async () => {
    bench.server.answer = mattermost;
    bench.files.put('/secrets/hook', `${bench.server.url}/hooks/s3cret\n`);
    const outcome = await bench.send(
      `receivers:
        - name: team
          mattermost_configs:
            - webhook_url_file: /secrets/hook
              channel: 'c-{{ .Status }}'
              username: 'u-{{ .Status }}'
              icon_url: 'http://icon/{{ .Status }}'
              icon_emoji: ':{{ .Status }}:'
              type: 'custom_{{ .Status }}'
              text: 't-{{ .Status }}'
              fallback: 'f-{{ .Status }}'
              color: '#{{ .Status }}'
              pretext: 'p-{{ .Status }}'
              author_name: 'an-{{ .Status }}'
              author_link: 'al-{{ .Status }}'
              author_icon: 'ai-{{ .Status }}'
              title: 'ti-{{ .Status }}'
              title_link: 'tl-{{ .Status }}'
              fields: [{title: 'x-{{ .Status }}', value: 'y-{{ .Status }}', short: false}, {title: g, value: v}]
              thumb_url: 'th-{{ .Status }}'
              footer: 'fo-{{ .Status }}'
              footer_icon: 'fi-{{ .Status }}'
              image_url: 'im-{{ .Status }}'
              props: {card: 'card {{ .Status }}'}
              priority: {priority: '{{ if eq .Status "firing" }}Urgent{{ end }}', requested_ack: true, persistent_notifications: true}`,
      notificationOf([FIRING]),
    );
    expect(outcome).toEqual({ kind: 'sent' });
    expect(bench.server.json()).toEqual({
      channel: 'c-firing',
      username: 'u-firing',
      icon_url: 'http://icon/firing',
      icon_emoji: ':firing:',
      type: 'custom_firing',
      attachments: [
        {
          fallback: 'f-firing',
          color: '#firing',
          pretext: 'p-firing',
          text: 't-firing',
          author_name: 'an-firing',
          author_link: 'al-firing',
          author_icon: 'ai-firing',
          title: 'ti-firing',
          title_link: 'tl-firing',
          fields: [
            { title: 'x-firing', value: 'y-firing', short: false },
            { title: 'g', value: 'v' },
          ],
          thumb_url: 'th-firing',
          footer: 'fo-firing',
          footer_icon: 'fi-firing',
          image_url: 'im-firing',
        },
      ],
      props: { card: 'card firing' },
      priority: { priority: 'urgent', requested_ack: true, persistent_notifications: true },
    });
  });

  it('with attachments of its own the text stands above them', async () => {
    bench.server.answer = mattermost;
    const yaml = receiver(
      `${OWN}, text: 'above {{ .Status }}', title: unused,
       attachments: [{text: 'a-{{ .Status }}', author_icon: i, fields: [{title: t, value: v, short: true}]}, {}]`,
    );
    await bench.send(yaml, notificationOf([FIRING]));
    expect(bench.server.json()).toEqual({
      text: 'above firing',
      channel: 'ml',
      username: 'Alertmanager',
      attachments: [
        { text: 'a-firing', author_icon: 'i', fields: [{ title: 't', value: 'v', short: true }] },
        {},
      ],
    });
  });

  it('a text above attachments is cut to 16383 characters', async () => {
    bench.server.answer = mattermost;
    const yaml = receiver(`${OWN}, text: "${'é'.repeat(16_384)}", attachments: [{text: a}]`);
    expect(await bench.send(yaml, notificationOf([FIRING]))).toEqual({ kind: 'sent' });
    expect(bench.server.json()).toMatchObject({ text: `${'é'.repeat(16_382)}…` });
    expect(bench.logger.lines.join()).toContain('Truncated text');
  });

  it.each([
    [
      'IMPORTANT',
      { priority: 'important', requested_ack: true },
      ['PersistentNotifications is set to false'],
    ],
    ['standard', { priority: 'standard' }, ['RequestedAck is set to false', 'PersistentNotifications']],
    ['loud', { priority: 'standard' }, ['Priority is set to standard due to invalid value']],
  ])('priority %s comes to %j', async (written, priority, warnings) => {
    bench.server.answer = mattermost;
    const flags = 'requested_ack: true, persistent_notifications: true';
    const yaml = receiver(`${OWN}, priority: {priority: ${written}, ${flags}}`);
    expect(await bench.send(yaml, notificationOf([FIRING]))).toEqual({ kind: 'sent' });
    expect((bench.server.json() as { priority: unknown }).priority).toEqual(priority);
    for (const warning of warnings) expect(bench.logger.lines.join('\n')).toContain(warning);
  });

  it('flags without a priority are none', async () => {
    bench.server.answer = mattermost;
    await bench.send(
      receiver(`${OWN}, priority: {requested_ack: true}, props: {}`),
      notificationOf([FIRING]),
    );
    expect(bench.server.json()).not.toHaveProperty('priority');
    expect(bench.server.json()).not.toHaveProperty('props');
  });

  it('an empty URL file and a failing template are final, a missing file is tried again', async () => {
    bench.files.put('/empty', '\n');
    const empty = await bench.send(receiver('webhook_url_file: /empty'), notificationOf([FIRING]));
    expect(empty).toEqual({ kind: 'reject', reason: 'other', message: 'webhook url missing' });
    const missing = await bench.send(receiver('webhook_url_file: /none'), notificationOf([FIRING]));
    expect(missing).toMatchObject({ kind: 'retry' });
    const failing = await bench.send(receiver(`${OWN}, text: "{{ .Nope }}"`), notificationOf([FIRING]));
    expect(failing).toMatchObject({ kind: 'reject' });
    expect(JSON.stringify(failing)).not.toContain('s3cret');
  });

  testFailures(() => bench, YAML, { secrets: [], prefix: 'channel "ml": ' });

  it('the webhook’s URL does not show when it is echoed', async () => {
    bench.server.answer = () => ({ status: 500, body: `${bench.server.url}/hooks/s3cret` });
    const outcome = await bench.send(YAML, notificationOf([FIRING]));
    expect(JSON.stringify(outcome)).not.toContain('s3cret');
  });
});

describe('mattermost_configs', () => {
  const config = (yaml: string) => {
    const read = readNotifyConfig(yaml);
    return typeof read === 'string' ? read : read.receivers[0]!.integrations[0];
  };

  it('takes its URL from global unless it has one', () => {
    const global = 'mattermost_webhook_url_file: /g';
    expect(config(receiver('', global))).toMatchObject({
      kind: 'mattermost',
      sendResolved: true,
      config: { webhookUrl: { file: '/g' }, username: '{{ template "mattermost.default.username" . }}' },
    });
    const own = config(receiver('webhook_url: http://own/s3cret', global));
    expect(JSON.stringify(own)).toContain('"webhookUrl":{"value":"<secret>"}');
    expect(JSON.stringify(own)).not.toContain('s3cret');
  });

  it.each([
    ['no URL', receiver('channel: c'), 'missing webhook_url or webhook_url_file on mattermost_config'],
    [
      'two URLs',
      receiver('webhook_url: http://a, webhook_url_file: /b'),
      '2:89: receivers[0].mattermost_configs[0].webhook_url_file: at most one of webhook_url & webhook_url_file must be configured',
    ],
    [
      'a field without a title',
      receiver("webhook_url: http://a, fields: [{title: '', value: v}]"),
      'missing title in Mattermost field configuration',
    ],
    [
      'a field without a value',
      receiver("webhook_url: http://a, attachments: [{fields: [{title: t, value: ''}]}]"),
      'missing value in Mattermost field configuration',
    ],
    ['a URL that is none, without showing it', receiver('webhook_url: s3cret'), '2:61: '],
    ['a key it does not have', receiver('webhook_url: http://a, props: {cart: a}'), '2:79: '],
  ])('refuses %s', (_, yaml, message) => {
    expect(config(yaml)).toContain(message);
    expect(config(yaml)).not.toContain('s3cret');
  });
});
