import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import fc from 'fast-check';
import { Registry } from 'prom-client';
import { afterEach, describe, expect, test } from 'vitest';
import { AlertsService, binNames, binOf, instrumentModel } from '../../../src/client/index.ts';
import { parseExposition } from '../../support/parse-exposition.ts';

const closers: (() => void)[] = [];
afterEach(() => {
  for (const close of closers.splice(0)) close();
});

/** An HTTP server that answers every request with a status and keeps what it got. */
async function receiver(
  status: number,
  answer = '',
): Promise<{ url: string; got: { path: string; body: unknown }[] }> {
  const got: { path: string; body: unknown }[] = [];
  const server = createServer((request, response) => {
    let text = '';
    request.on('data', (chunk: Buffer) => {
      text += chunk.toString();
    });
    request.on('end', () => {
      got.push({ path: `${request.method} ${request.url}`, body: JSON.parse(text) });
      response.writeHead(status).end(answer);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closers.push(() => {
    server.closeAllConnections();
    server.close();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, got };
}

describe('AlertsService', () => {
  test('prints when it is not enabled', async () => {
    const lines: string[] = [];
    const service = new AlertsService({ enable: false, appName: 'train', print: (line) => lines.push(line) });
    await service.notify({ title: 'Done', message: 'AUC 0.94' });
    expect(lines).toEqual(['[train] Done: AUC 0.94']);
  });

  test('sends an alert that ends by itself', async () => {
    const { url, got } = await receiver(200);
    const service = new AlertsService({ enable: true, appName: 'train', timeout: 60, url: `${url}/prefix/` });
    await service.notify({
      title: 'Done',
      message: 'AUC 0.94',
      labels: { severity: 'info', app: 'not this' },
    });
    expect(got).toHaveLength(1);
    expect(got[0]!.path).toBe('POST /prefix/api/v2/alerts');
    const [alert] = got[0]!.body as { startsAt: string; endsAt: string }[];
    expect(alert).toMatchObject({
      labels: { alertname: 'Done', app: 'train', severity: 'info' },
      annotations: { summary: 'AUC 0.94' },
    });
    expect(Date.parse(alert!.endsAt) - Date.parse(alert!.startsAt)).toBe(60_000);
  });

  test.each([null, undefined])('a timeout of %s is ten seconds', async (timeout) => {
    const { url, got } = await receiver(200);
    const options = timeout === undefined ? {} : { timeout };
    await new AlertsService({ enable: true, appName: 'a', url, ...options }).notify({
      title: 't',
      message: 'm',
    });
    const [alert] = got[0]!.body as { startsAt: string; endsAt: string }[];
    expect(Date.parse(alert!.endsAt) - Date.parse(alert!.startsAt)).toBe(10_000);
  });

  test('says why it could not', async () => {
    const { url } = await receiver(400, 'no such thing');
    const service = new AlertsService({ enable: true, appName: 'train', url });
    await expect(service.notify({ title: 'Done', message: 'x' })).rejects.toThrow(
      'tocsin refused the message (HTTP 400): no such thing',
    );
  });
});

describe('bins', () => {
  const edges = { edges: [0, 10, 100] };
  const categories = { categories: ['a', 'b'] };

  test.each([
    [edges, -5, '-inf..0'],
    [edges, 0, '-inf..0'],
    [edges, 0.1, '0..10'],
    [edges, 10, '0..10'],
    [edges, 101, '100..+inf'],
    [edges, Infinity, '100..+inf'],
    [edges, -Infinity, '-inf..0'],
    [edges, NaN, 'missing'],
    [edges, null, 'missing'],
    [categories, 'a', 'a'],
    [categories, 'z', 'other'],
    [categories, null, 'missing'],
  ])('%j: %s falls into %s', (bins, value, bin) => {
    expect(binOf(bins, value)).toBe(bin);
  });

  test('every value falls into a bin that exists', () => {
    const ascending = fc
      .uniqueArray(fc.double({ noNaN: true }), { maxLength: 8 })
      .map((list) => list.toSorted((a, b) => a - b));
    fc.assert(
      fc.property(ascending, fc.oneof(fc.double(), fc.constant(null)), (list, value) => {
        expect(binNames({ edges: list })).toContain(binOf({ edges: list }, value));
      }),
    );
    fc.assert(
      fc.property(fc.uniqueArray(fc.string()), fc.oneof(fc.string(), fc.constant(null)), (list, value) => {
        expect(binNames({ categories: list })).toContain(binOf({ categories: list }, value));
      }),
    );
  });
});

describe('instrumentModel', () => {
  const make = () => {
    const registry = new Registry();
    const model = instrumentModel({
      registry,
      model: 'm',
      modelVersion: '1',
      features: { amount: { edges: [10] }, country: { categories: ['de'] } },
      classes: ['yes', 'no'],
      errorReasons: ['timeout'],
    });
    const read = async (): Promise<Record<string, number>> => {
      const { samples, error } = parseExposition(Buffer.from(await registry.metrics()), 'text');
      expect(error).toBe('');
      return Object.fromEntries(
        samples.map(({ labels, value }) => {
          const own = Object.entries(labels).filter(
            ([name]) => !['__name__', 'model', 'model_version'].includes(name),
          );
          return [`${labels['__name__']}${JSON.stringify(Object.fromEntries(own))}`, value];
        }),
      );
    };
    return { model, read };
  };

  test('everything that can be counted is there at 0', async () => {
    const { read } = make();
    const values = await read();
    expect(values).toMatchObject({
      'model_info{}': 1,
      'model_predictions_total{"outcome":"ok"}': 0,
      'model_predictions_total{"outcome":"error"}': 0,
      'model_prediction_errors_total{"reason":"timeout"}': 0,
      'model_predicted_class_total{"class":"yes"}': 0,
      'model_feature_bin_total{"bin":"10..+inf","feature":"amount"}': 0,
      'model_feature_bin_total{"bin":"other","feature":"country"}': 0,
      'model_outcomes_total{"cell":"fn"}': 0,
      'model_prediction_latency_seconds_count{}': 0,
      'model_prediction_score_bucket{"le":"0.5"}': 0,
      'model_label_lag_seconds_count{}': 0,
    });
  });

  test('counts predictions, outcomes and the reference', async () => {
    const { model, read } = make();
    model.observePrediction({
      outcome: 'ok',
      latencySeconds: 0.02,
      features: { amount: 50, country: 'fr', unknown: 1 },
      score: 0.5,
      predictedClass: 'yes',
    });
    model.observePrediction({
      outcome: 'error',
      latencySeconds: 3,
      reason: 'timeout',
      features: { amount: null },
    });
    model.observePrediction({ outcome: 'error', latencySeconds: 3 });
    model.observeOutcome('tp', 40);
    model.setReference('amount', { '-inf..10': 30, '10..+inf': 10, missing: 0 });
    expect(await read()).toMatchObject({
      'model_predictions_total{"outcome":"ok"}': 1,
      'model_predictions_total{"outcome":"error"}': 2,
      'model_prediction_errors_total{"reason":"timeout"}': 1,
      'model_prediction_errors_total{"reason":"unknown"}': 1,
      'model_prediction_latency_seconds_count{}': 3,
      'model_feature_bin_total{"bin":"10..+inf","feature":"amount"}': 1,
      'model_feature_bin_total{"bin":"missing","feature":"amount"}': 1,
      'model_feature_bin_total{"bin":"other","feature":"country"}': 1,
      'model_predicted_class_total{"class":"yes"}': 1,
      'model_outcomes_total{"cell":"tp"}': 1,
      'model_reference_share{"bin":"-inf..10","feature":"amount"}': 0.75,
      'model_reference_n{"feature":"amount"}': 40,
    });
  });
});
