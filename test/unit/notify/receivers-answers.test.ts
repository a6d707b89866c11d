import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { TocsinError } from '../../../src/core/errors.ts';
import { notificationOf } from './helpers.ts';
import { FIRING, ReceiverBench } from './receiver-bench.ts';
import { RecordingServer } from './servers.ts';

/** What holds for every receiver over HTTP alike: answers, secrets, files, broken connections. */

let bench: ReceiverBench;

beforeAll(async () => {
  bench = await ReceiverBench.start();
});
beforeEach(() => bench.reset());
afterAll(() => bench.stop());

interface Case {
  readonly kind: string;
  /** With the secret inline. */
  readonly fields: string;
  /** With the secret in `/secrets/it`. */
  readonly inFile: string;
  /** What the file holds. */
  readonly secret: string;
  /** A field that is a template. */
  readonly template: string;
  /** Address that is fixed, and stands for the server's. */
  readonly redirected?: string;
}

const CASES: readonly (readonly [name: string, Case])[] = [
  [
    'pagerduty v1',
    {
      kind: 'pagerduty',
      fields: 'service_key: s3cret',
      inFile: 'service_key_file: /secrets/it',
      secret: 's3cret',
      template: 'client',
      redirected: 'https://events.pagerduty.com',
    },
  ],
  [
    'pagerduty v2',
    {
      kind: 'pagerduty',
      fields: 'routing_key: s3cret, url: URL',
      inFile: 'routing_key_file: /secrets/it, url: URL',
      secret: 's3cret',
      template: 'severity',
    },
  ],
  [
    'opsgenie',
    {
      kind: 'opsgenie',
      fields: 'api_key: s3cret, api_url: URL',
      inFile: 'api_key_file: /secrets/it, api_url: URL',
      secret: 's3cret',
      template: 'note',
    },
  ],
  [
    'victorops',
    {
      kind: 'victorops',
      fields: 'api_key: s3cret, api_url: URL, routing_key: r',
      inFile: 'api_key_file: /secrets/it, api_url: URL, routing_key: r',
      secret: 's3cret',
      template: 'monitoring_tool',
    },
  ],
  [
    'pushover',
    {
      kind: 'pushover',
      fields: 'user_key: s3cret-user, token: s3cret-token',
      inFile: 'user_key_file: /secrets/it, token: s3cret-token',
      secret: 's3cret-user',
      template: 'sound',
      redirected: 'https://api.pushover.net',
    },
  ],
  [
    'telegram',
    {
      kind: 'telegram',
      fields: 'bot_token: "1:s3cret", chat_id: 5, api_url: URL',
      inFile: 'bot_token_file: /secrets/it, chat_id: 5, api_url: URL',
      secret: '1:s3cret',
      template: 'message',
    },
  ],
  ...['discord', 'msteams', 'msteamsv2'].map((kind): readonly [string, Case] => [
    kind,
    {
      kind,
      fields: 'webhook_url: URL/s3cret/path',
      inFile: 'webhook_url_file: /secrets/it',
      secret: 'URL/s3cret/path',
      template: 'title',
    },
  ]),
];

function yamlOf({ kind }: Case, fields: string): string {
  return `receivers: [{name: team, ${kind}_configs: [{${fields}}]}]`;
}

const NOTIFICATION = notificationOf([FIRING]);
/** All of the receivers take it. */
const TAKEN = { body: '{"ok":true,"result":{}}' };

describe.each(CASES)('%s', (_, given) => {
  const yaml = yamlOf(given, given.fields);
  const send = (text = yaml): ReturnType<ReceiverBench['send']> =>
    bench.send(text, NOTIFICATION, {}, given.redirected);

  it.each([
    [200, 'sent', undefined],
    [202, 'sent', undefined],
    [301, 'reject', 'other'],
    [400, 'reject', 'clientError'],
    [401, 'reject', 'authError'],
    [404, 'reject', 'clientError'],
    [429, 'retry', 'rateLimited'],
    [500, 'retry', 'serverError'],
    [503, 'retry', 'serverError'],
  ])('status %i: %s %s', async (status, kind, reason) => {
    bench.server.answer = () => ({ status, body: status < 300 ? TAKEN.body : 'why' });
    const outcome = await send();
    expect(bench.server.requests).toHaveLength(1);
    expect(outcome.kind).toBe(kind);
    if (outcome.kind === 'sent') return;
    expect(outcome.reason).toBe(reason);
    const detail = given.kind === 'pagerduty' ? '' : ': why';
    expect(outcome.message).toBe(`unexpected status code ${status}${detail}`);
  });

  it('403 is final, but for the first PagerDuty API, which means too many requests', async () => {
    bench.server.answer = () => ({ status: 403 });
    const kind = given.redirected === 'https://events.pagerduty.com' ? 'retry' : 'reject';
    expect(await send()).toMatchObject({ kind, reason: 'authError' });
  });

  it('429 waits for Retry-After', async () => {
    bench.server.answer = () => ({ status: 429, headers: { 'Retry-After': '7' } });
    expect(await send()).toMatchObject({ kind: 'retry', afterMs: 7000 });
  });

  it('secrets that a server echoes do not show', async () => {
    bench.server.answer = ({ path, headers, body }) => {
      const echo = `${path} ${String(headers.authorization)} ${body}`;
      return { status: 400, body: JSON.stringify({ message: echo, description: echo, errors: [echo] }) };
    };
    const outcome = await send();
    expect(outcome).toMatchObject({ kind: 'reject', message: expect.stringContaining('<secret>') as string });
    expect(JSON.stringify(outcome)).not.toContain('s3cret');
    expect(bench.logger.lines.join('\n')).not.toContain('s3cret');
  });

  it('a refused connection is tried again and cannot have arrived', async () => {
    const gone = await RecordingServer.start();
    const url = gone.url;
    await gone.stop();
    const outcome = await bench.send(yaml, NOTIFICATION, { serverUrl: url }, given.redirected);
    expect(outcome).toMatchObject({ kind: 'retry', unknown: false });
    expect(JSON.stringify(outcome)).not.toContain('s3cret');
  });

  it('a request that is given up may have arrived', async () => {
    const controller = new AbortController();
    bench.server.answer = () => {
      controller.abort(new TocsinError('TOCSIN_ERR_CANCELLED', 'stopped'));
      return { hang: true };
    };
    const outcome = await bench.send(yaml, NOTIFICATION, { signal: controller.signal }, given.redirected);
    expect(outcome).toMatchObject({ kind: 'retry', reason: 'contextCanceled', unknown: true });
  });

  it('a failing template is final, sends nothing and does not show the secret', async () => {
    const outcome = await send(yamlOf(given, `${given.fields}, ${given.template}: "{{ .Nope }}"`));
    expect(outcome).toMatchObject({
      kind: 'reject',
      reason: 'other',
      message: expect.stringContaining(`${given.kind} template: `) as string,
    });
    expect(JSON.stringify(outcome)).not.toContain('s3cret');
    expect(bench.server.requests).toEqual([]);
  });

  it('a secret in a file is read for each request; a file that is missing is tried again', async () => {
    bench.server.answer = () => TAKEN;
    const fileYaml = yamlOf(given, given.inFile);
    expect(await send(fileYaml)).toMatchObject({
      kind: 'retry',
      reason: 'other',
      message: expect.stringMatching(/^read \w+_file: /) as string,
    });
    expect(bench.server.requests).toEqual([]);
    bench.files.put('/secrets/it', `${given.secret.replaceAll('URL', bench.server.url)}\n`);
    expect(await send(fileYaml)).toEqual({ kind: 'sent' });
    await send();
    const [fromFile, inline] = bench.server.requests;
    expect(fromFile!.path).toBe(inline!.path);
    expect(fromFile!.body).toBe(inline!.body);
    expect(fromFile!.headers.authorization).toBe(inline!.headers.authorization);
    await bench.files.remove('/secrets/it');
  });
});

it('a secret at the place where a long answer is cut does not show in part', async () => {
  bench.server.answer = () => ({ status: 400, body: `${'x'.repeat(490)}/s3cret/path` });
  const yaml = 'receivers: [{name: team, discord_configs: [{webhook_url: URL/s3cret/path}]}]';
  expect(await bench.send(yaml, NOTIFICATION)).toEqual({
    kind: 'reject',
    reason: 'clientError',
    message: `unexpected status code 400: ${'x'.repeat(490)}<secret>`,
  });
});
