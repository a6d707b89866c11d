import { describe, expect, test } from 'vitest';
import type { PostedAlert } from '../../../src/alerts/index.ts';
import { Labels } from '../../../src/core/labels.ts';
import { FloatHistogram } from '../../../src/core/histogram/float-histogram.ts';
import { silentLogger } from '../../../src/core/log.ts';
import { createRegistry } from '../../../src/core/metrics.ts';
import { VirtualClock } from '../../../src/core/virtual-clock.ts';
import { LocalQueryEngine } from '../../../src/promql/index.ts';
import { DEFAULT_RULE_SETTINGS, RuleManager, parseRuleFile } from '../../../src/rules/index.ts';
import { HeadStorage } from '../../../src/storage/tsdb/index.ts';

const START_MS = 1_700_000_000_000;
const MINUTE = 60_000;

const FILE = `
groups:
  - name: models
    interval: 30s
    rules:
      - record: model:errors:ratio
        expr: sum by (model) (rate(errors_total[2m])) / sum by (model) (rate(requests_total[2m]))
      - alert: ModelErrors
        expr: model:errors:ratio > 0.1
        for: 1m
        annotations:
          summary: '{{ $labels.model }} fails {{ $value | humanizePercentage }} of {{ with printf "requests_total{model=%q}" $labels.model | query }}{{ . | first | value }}{{ end }}'
      - alert: AlertsExist
        expr: count(ALERTS{alertstate="firing", alertname="ModelErrors"})
`;

describe('with the real engine and head', () => {
  test('a recording rule feeds an alert, whose series feed the next rule', async () => {
    const clock = new VirtualClock(START_MS);
    const storage = new HeadStorage();
    const posted: PostedAlert[] = [];
    const manager = new RuleManager({
      clock,
      storage,
      logger: silentLogger,
      registry: createRegistry(),
      engine: new LocalQueryEngine({ storage, clock, logger: silentLogger }),
      sink: {
        put: (alerts) => {
          posted.push(...alerts);
          return Promise.resolve([]);
        },
      },
      settings: { ...DEFAULT_RULE_SETTINGS, externalLabels: Labels.EMPTY, externalUrl: '' },
      prepare: (labels) => labels,
    });
    await manager.update(parseRuleFile(FILE, 'r.yml'));
    manager.start();
    for (let i = 0; i <= 40; i++) {
      const nowMs = START_MS + i * 15_000;
      await clock.advanceTo(nowMs);
      const appender = storage.appender(nowMs);
      for (const [model, share] of [
        ['good', 0.01],
        ['bad', i < 24 ? 0.25 : 0],
      ] as const) {
        const requests = appender.series(Labels.fromObject({ __name__: 'requests_total', model }));
        appender.append(requests, nowMs, i * 100);
        const errors = appender.series(Labels.fromObject({ __name__: 'errors_total', model }));
        appender.append(
          errors,
          nowMs,
          Math.min(i, share === 0 ? 24 : i) * 100 * (model === 'good' ? 0.01 : 0.25),
        );
      }
      await appender.commit();
    }
    expect(manager.groups()[0]!.rules.map(({ health, lastError }) => [health, lastError])).toEqual([
      ['ok', ''],
      ['ok', ''],
      ['ok', ''],
    ]);
    const names = posted.map(({ labels }) => labels.get('alertname') + labels.get('model'));
    expect(new Set(names)).toEqual(new Set(['ModelErrorsbad', 'AlertsExist']));
    const [first] = posted;
    expect(first!.annotations.get('summary')).toMatch(/^bad fails 25% of \d+00$/);
    const last = posted.findLast(({ labels }) => labels.get('alertname') === 'ModelErrors')!;
    expect(last.endsAtMs).toBeLessThan(clock.nowMs());
    expect(manager.activeAlerts()).toEqual([]);
    await clock.advanceBy(MINUTE);
    await manager.stop();
  });

  test('a rule whose histogram has negative counts says so; its other samples are written', async () => {
    const clock = new VirtualClock(START_MS);
    const storage = new HeadStorage();
    const engine = new LocalQueryEngine({ storage, clock, logger: silentLogger });
    const manager = new RuleManager({
      clock,
      storage,
      logger: silentLogger,
      registry: createRegistry(),
      engine,
      sink: { put: () => Promise.resolve([]) },
      settings: { ...DEFAULT_RULE_SETTINGS, externalLabels: Labels.EMPTY, externalUrl: '' },
      prepare: (labels) => labels,
    });
    const rule = 'groups: [{name: g, interval: 30s, rules: [{record: less, expr: "-m"}]}]';
    await manager.update(parseRuleFile(rule, 'r.yml'));
    const appender = storage.appender(START_MS);
    const series = (kind: string): number => appender.series(Labels.fromObject({ __name__: 'm', kind }));
    const histogram = new FloatHistogram({
      count: 3,
      sum: 3,
      positiveSpans: Int32Array.of(0, 1),
      positiveBuckets: Float64Array.of(3),
    });
    appender.appendRich(series('histogram'), START_MS, { value: NaN, histogram, startMs: 0 });
    appender.append(series('float'), START_MS, 3);
    await appender.commit();
    manager.start();
    await clock.advanceBy(MINUTE);
    const [view] = manager.groups()[0]!.rules;
    expect([view!.health, view!.lastError]).toEqual([
      'err',
      "observation count is  -3: histogram's observation count is negative",
    ]);
    const { value } = await engine.instant('less', clock.nowMs());
    expect(value.type === 'vector' && value.samples.map(({ labels }) => labels.get('kind'))).toEqual([
      'float',
    ]);
    await manager.stop();
  });
});
