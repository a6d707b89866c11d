import { describe, expect, test } from 'vitest';
import { SeededRandom } from '../../../src/core/seeded-random.ts';
import { VirtualClock } from '../../../src/core/virtual-clock.ts';
import { DEFAULT_SCENARIO, FleetServer, createFleet } from '../../../src/demo/index.ts';
import { incidentStrength, scenarioSchema } from '../../../src/demo/scenario.ts';
import type { ModelServer } from '../../../src/demo/model-server.ts';
import type { Scenario } from '../../../src/demo/scenario.ts';
import { parseExposition } from '../../support/parse-exposition.ts';

const START_MS = 1_767_225_600_000;
const QUIET: Scenario = { periodMs: 3_600_000, incidents: [] };

const fleetOf = (scenario: Scenario = QUIET, seed = 5) =>
  createFleet(new SeededRandom(seed), scenario, START_MS);

/** Sum of a metric's samples whose labels contain the given ones. */
async function sum(
  server: ModelServer,
  sinceStartMs: number,
  name: string,
  labels: Record<string, string> = {},
): Promise<number> {
  const { samples, error } = parseExposition(
    Buffer.from(await server.render(START_MS + sinceStartMs)),
    'text',
  );
  expect(error).toBe('');
  let total = 0;
  for (const sample of samples) {
    if (sample.labels['__name__'] !== name) continue;
    if (Object.entries(labels).every(([label, value]) => sample.labels[label] === value))
      total += sample.value;
  }
  return total;
}

describe('simulated fleet', () => {
  test('has several replicas of three kinds of model', () => {
    expect(fleetOf().map((server) => server.replica)).toEqual([
      'fraud-detector-0',
      'fraud-detector-1',
      'support-chat-0',
      'support-chat-1',
      'product-vision-0',
    ]);
  });

  test.each(fleetOf().map((server, i) => [server.replica, i] as const))(
    '%s: what it says is well-formed, grows with time, and is the same for the same seed',
    async (_, i) => {
      const [server, twin, other] = [fleetOf()[i]!, fleetOf()[i]!, fleetOf(QUIET, 6)[i]!];
      const sizes: number[] = [];
      for (const atMs of [0, 1000, 15_000, 60_000]) {
        const text = await server.render(START_MS + atMs);
        expect(await twin.render(START_MS + atMs)).toBe(text);
        const { samples, error } = parseExposition(Buffer.from(text), 'text');
        expect(error).toBe('');
        sizes.push(samples.length);
      }
      expect(await other.render(START_MS + 60_000)).not.toBe(await server.render(START_MS + 60_000));
      // Every series is there from the start: nothing is lost to `increase`.
      expect(sizes).toEqual(sizes.map(() => sizes[0]));
    },
  );

  test('how often it is looked at does not change what happened', async () => {
    const [often, once] = [fleetOf()[0]!, fleetOf()[0]!];
    for (let atMs = 0; atMs <= 30_000; atMs += 700) await often.render(START_MS + atMs);
    expect(await often.render(START_MS + 30_000)).toBe(await once.render(START_MS + 30_000));
  });

  test('counters are there at 0 before the first request', async () => {
    const [tabular, , llm, , image] = fleetOf();
    for (const [server, metric] of [
      [tabular!, 'model_predictions_total'],
      [tabular!, 'model_prediction_errors_total'],
      [tabular!, 'model_feature_bin_total'],
      [tabular!, 'model_outcomes_total'],
      [llm!, 'vllm:request_success_total'],
      [image!, 'nv_inference_request_failure'],
    ] as const) {
      const text = await server.render(START_MS);
      expect(text, metric).toContain(`${metric}{`);
      expect(await sum(server, 0, metric), metric).toBe(0);
    }
  });

  test('reference shares sum to one', async () => {
    const [tabular] = fleetOf();
    for (const feature of ['amount', 'country']) {
      expect(await sum(tabular!, 0, 'model_reference_share', { feature })).toBeCloseTo(1, 9);
    }
  });
});

const scenario = (kind: string, model: string): Scenario =>
  scenarioSchema.parse({ period: '10m', incidents: [{ model, kind, start: '20s', duration: '20s' }] });

describe('incidents', () => {
  test('errors', async () => {
    const [server] = fleetOf(scenario('errors', 'fraud-detector'));
    const failed = (atMs: number) => sum(server!, atMs, 'model_predictions_total', { outcome: 'error' });
    const before = await failed(19_000);
    const during = await failed(40_000);
    const after = await failed(60_000);
    expect(before).toBeLessThan(20);
    expect(during - before).toBeGreaterThan(200);
    expect(after - during).toBeLessThan(20);
  });

  test('latency of the LLM: the queue grows and drains', async () => {
    const server = fleetOf(scenario('latency', 'support-chat'))[2]!;
    expect(await sum(server, 19_000, 'vllm:num_requests_waiting')).toBeLessThan(5);
    expect(await sum(server, 39_000, 'vllm:num_requests_waiting')).toBeGreaterThan(15);
    expect(await sum(server, 59_000, 'vllm:num_requests_waiting')).toBeLessThan(5);
  });

  test('drift: live shares leave the reference', async () => {
    const [server] = fleetOf(scenario('drift', 'fraud-detector'));
    const large = (atMs: number) => sum(server!, atMs, 'model_feature_bin_total', { bin: '500..+inf' });
    const before = await large(19_000);
    const during = (await large(40_000)) - before;
    expect(during).toBeGreaterThan(before * 5 + 100);
  });

  test('they repeat, and never overlap in the demo', () => {
    for (let atMs = 0; atMs < DEFAULT_SCENARIO.periodMs; atMs += 1000) {
      const on = DEFAULT_SCENARIO.incidents.filter(
        ({ model, kind }) => incidentStrength(DEFAULT_SCENARIO, model, kind, atMs) > 0,
      );
      expect(on.length).toBeLessThanOrEqual(1);
      for (const { model, kind } of DEFAULT_SCENARIO.incidents) {
        expect(incidentStrength(DEFAULT_SCENARIO, model, kind, atMs + DEFAULT_SCENARIO.periodMs)).toBe(
          incidentStrength(DEFAULT_SCENARIO, model, kind, atMs),
        );
      }
    }
  });

  test.each([
    { period: '0s', incidents: [] },
    { period: '1m', incidents: [{ model: 'a', kind: 'wibble', start: '0s', duration: '1s' }] },
    { period: '1m', incidents: [{ model: 'a', kind: 'drift', start: '0s', duration: '1s', strength: 2 }] },
    { period: '1m', incidents: [], more: 1 },
  ])('a scenario that is none: %j', (value) => {
    expect(scenarioSchema.safeParse(value).success).toBe(false);
  });
});

describe('fleet over HTTP', () => {
  test('answers /metrics only, and cuts connections while down', async () => {
    const clock = new VirtualClock(START_MS);
    const fleet = fleetOf(scenario('down', 'product-vision'));
    const http = new FleetServer(clock, '127.0.0.1');
    const running = await http.start(fleet, 0);
    try {
      const image = running.find(({ server }) => server.model === 'product-vision')!;
      const answer = await fetch(`http://${image.address}/metrics`);
      expect(answer.status).toBe(200);
      expect(answer.headers.get('content-type')).toMatch(/^text\/plain; version=0\.0\.4/);
      expect(parseExposition(Buffer.from(await answer.arrayBuffer()), 'text').error).toBe('');
      expect((await fetch(`http://${image.address}/other`)).status).toBe(404);
      await clock.advanceBy(25_000);
      await expect(fetch(`http://${image.address}/metrics`)).rejects.toThrow();
      await clock.advanceBy(20_000);
      expect((await fetch(`http://${image.address}/metrics`)).status).toBe(200);
    } finally {
      await http.stop();
    }
  });
});
