import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { notificationOf } from '../helpers.ts';
import { FIRING, RESOLVED, ReceiverBench, readNotifyConfig } from '../receiver-bench.ts';
import type { Recorded } from '../servers.ts';
import { testFailures } from './failures.ts';
import { BOTH_TEXT } from '../receiver-texts.ts';

let bench: ReceiverBench;
beforeAll(async () => {
  bench = await ReceiverBench.start();
});
beforeEach(() => bench.reset());
afterAll(() => bench.stop());

function receiver(fields: string, global = ''): string {
  return `global: {${global}}
receivers:
  - name: team
    webex_configs:
      - http_config: {authorization: {credentials: bot-s3cret}}
        ${fields}`;
}
const YAML = receiver('api_url: URL/v1/messages\n        room_id: r1');

/** What Webex takes: a bot's token, a room, a message of up to 7439 bytes, and nothing else. */
function webex({ method, path, headers, body }: Recorded): { status: number; body: string } {
  const refuse = (status: number, why: string) => ({ status, body: JSON.stringify({ message: why }) });
  if (method !== 'POST' || path !== '/v1/messages') return refuse(404, 'not found');
  if (headers.authorization !== 'Bearer bot-s3cret') return refuse(401, 'unauthorized');
  if (headers['content-type'] !== 'application/json') return refuse(415, 'not JSON');
  const { markdown, roomId, ...others } = JSON.parse(body) as Record<string, unknown>;
  if (Object.keys(others).length > 0) return refuse(400, `unknown ${Object.keys(others).join()}`);
  if (typeof roomId !== 'string' || roomId === '') return refuse(400, 'no room');
  if (typeof markdown !== 'string' || markdown === '') return refuse(400, 'no text');
  if (Buffer.byteLength(markdown) > 7439) return refuse(400, 'too long');
  return { status: 200, body: '{"id":"1"}' };
}

describe('webex', () => {
  it('posts the default message to the room', async () => {
    bench.server.answer = webex;
    expect(await bench.send(YAML, notificationOf([FIRING, RESOLVED]))).toEqual({ kind: 'sent' });
    expect(bench.server.json()).toEqual({
      markdown: BOTH_TEXT,
      roomId: 'r1',
    });
  });

  it('message and room are templates; an empty room is left out', async () => {
    const yaml = receiver(`api_url: URL/v1/messages
        room_id: 'room-{{ .GroupLabels.model }}'
        message: '**{{ .Status }}**'`);
    await bench.send(yaml, notificationOf([RESOLVED]));
    await bench.send(yaml.replace('room-{{ .GroupLabels.model }}', '{{ "" }}'), notificationOf([RESOLVED]));
    expect(bench.server.json(0)).toEqual({ markdown: '**resolved**', roomId: 'room-m1' });
    expect(bench.server.json(1)).toEqual({ markdown: '**resolved**' });
  });

  it('a message too long is cut to 7439 bytes between characters, and the log says so', async () => {
    bench.server.answer = webex;
    const message = (text: string) =>
      receiver(`api_url: URL/v1/messages\n        room_id: r1\n        message: '${text}'`);
    const fits = `${'a'.repeat(7431)}éééé`;
    expect(await bench.send(message(fits), notificationOf([FIRING]))).toEqual({ kind: 'sent' });
    expect(bench.logger.lines).toEqual([]);
    expect(await bench.send(message(`${fits}💥`), notificationOf([FIRING]))).toEqual({ kind: 'sent' });
    expect(bench.server.json(0)).toMatchObject({ markdown: fits });
    // 7431 + 2 × 2 bytes, and three for the mark; a third é has no room.
    expect(bench.server.json(1)).toMatchObject({ markdown: `${'a'.repeat(7431)}éé…` });
    expect(bench.logger.lines.join()).toContain('Truncated message');
  });

  it('a failing template is final', async () => {
    const yaml = receiver("api_url: URL/v1/messages\n        room_id: r1\n        message: '{{ .Nope }}'");
    const outcome = await bench.send(yaml, notificationOf([FIRING]));
    expect(outcome).toMatchObject({ kind: 'reject', reason: 'other' });
    expect(bench.server.requests).toEqual([]);
  });

  testFailures(() => bench, YAML, { secrets: ['bot-s3cret'] });
});

describe('webex_configs', () => {
  const config = (yaml: string) => {
    const read = readNotifyConfig(yaml);
    return typeof read === 'string' ? read : read.receivers[0]!.integrations[0];
  };

  it('has Alertmanager’s defaults and takes its address from global', () => {
    expect(config(receiver('room_id: r'))).toMatchObject({
      kind: 'webex',
      sendResolved: true,
      config: {
        apiUrl: 'https://webexapis.com/v1/messages',
        roomId: 'r',
        message: '{{ template "webex.default.message" . }}',
      },
    });
    const global = 'webex_api_url: http://g/v1';
    expect(config(receiver('room_id: r', global))).toMatchObject({ config: { apiUrl: 'http://g/v1' } });
    expect(config(receiver('room_id: r\n        api_url: http://own', global))).toMatchObject({
      config: { apiUrl: 'http://own' },
    });
  });

  it.each([
    ['no room', receiver('message: x'), '5:9: key "room_id" is missing in receivers[0].webex_configs[0]'],
    [
      'an empty room',
      receiver("room_id: ''"),
      '6:18: receivers[0].webex_configs[0].room_id: missing room_id in webex_config',
    ],
    ['a key it does not have', receiver('room_id: r\n        romm: x'), '7:9: '],
    ['another scheme', receiver('room_id: r\n        api_url: ftp://x'), '7:18: '],
    [
      'no token of its own',
      'global: {http_config: {authorization: {credentials: c}}}\nreceivers: [{name: team, webex_configs: [{room_id: r}]}]',
      '2:42: receivers[0].webex_configs[0]: missing webex_configs.http_config.authorization',
    ],
  ])('refuses %s', (_, yaml, message) => {
    expect(config(yaml)).toContain(message);
  });
});
