import { describe, expect, it } from 'vitest';
import { Labels } from '../../../src/core/labels.ts';
import { ConsoleReceiver } from '../../../src/notify/index.ts';
import { START_MS, alertOf, notificationOf } from './helpers.ts';

async function print(alerts: Parameters<typeof notificationOf>[0], colors = false, priorAttempts = 0) {
  let text = '';
  const output = { write: (part: string) => (text += part) };
  const notification = notificationOf(alerts, { priorAttempts });
  expect(await new ConsoleReceiver({ colors }, output).send(notification)).toEqual({ kind: 'sent' });
  return text;
}

const FIRING = alertOf(
  { alertname: 'HighLatency', model: 'm1', severity: 'page', instance: 'a:1', job: 'models' },
  {
    annotations: Labels.fromObject({
      value: '2.1 s',
      summary: 'p99 is over 2 s',
      description: 'Queue is\n  full.',
      runbook_url: 'http://run',
    }),
    startsAtMs: START_MS - 95_400,
  },
);

describe('console', () => {
  it('prints what fires', async () => {
    expect(await print([FIRING])).toMatchInlineSnapshot(`
      "2026-11-23T12:00:00Z first notification
      [FIRING page] HighLatency model=m1
        value:    2.1 s
        summary:  p99 is over 2 s
        detail:   Queue is full.
        since:    2026-11-23T11:58:24.6Z (1m35s ago)
        labels:   instance="a:1" job="models"
        runbook:  http://run
        source:   http://tocsin.example/graph

      "
    `);
  });

  it('prints what is resolved, with how long it lasted', async () => {
    const resolved = { ...FIRING, annotations: Labels.EMPTY, endsAtMs: START_MS - 5400, generatorUrl: '' };
    expect(await print([resolved])).toMatchInlineSnapshot(`
      "2026-11-23T12:00:00Z first notification
      [RESOLVED] HighLatency model=m1
        since:    2026-11-23T11:58:24.6Z, lasted 1m30s
        labels:   instance="a:1" job="models"

      "
    `);
  });

  it('prints alerts without anything', async () => {
    expect(await print([alertOf({ job: 'x' }, { generatorUrl: '' })])).toMatchInlineSnapshot(`
      "2026-11-23T12:00:00Z first notification
      [FIRING] (no alertname)
        since:    2026-11-23T11:59:00Z (1m ago)
        labels:   job="x"

      "
    `);
  });

  it('uses colours only when asked', async () => {
    const plain = await print([FIRING]);
    const coloured = await print([FIRING], true);
    expect(plain).not.toContain('\u001b');
    expect(coloured).toContain('\u001b[31m[FIRING page]\u001b[0m');
    expect(coloured.replaceAll(/\u001b\[\d+m/g, '')).toBe(plain);
  });

  it('lets no control characters through to the terminal', async () => {
    const nasty = alertOf({ alertname: 'x\u001b[2J', model: 'a\r\nb' }, { generatorUrl: 'u\u0007' });
    const text = await print([nasty]);
    expect(text).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/);
  });

  it('says when it may be a repetition', async () => {
    expect(await print([FIRING], false, 1)).toContain('first notification (sent again)');
  });
});
