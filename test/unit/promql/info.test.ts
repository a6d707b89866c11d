import { describe, expect, test } from 'vitest';
import { engineOver, linesOf, messageOf } from '../../support/promql-query.ts';

const LOOKBACK = { lookbackMs: 1000 };

async function lines(script: string, expr: string, endMs = 120_000): Promise<readonly string[]> {
  const engine = await engineOver(script, LOOKBACK);
  return linesOf(await engine.range(expr, 0, endMs, 60_000));
}

describe('info', () => {
  test('a label that changes makes two series of one', async () => {
    const script = `load 1m
      m{instance="a", job="1"} 1 2 3
      target_info{instance="a", job="1", v="x"} 1 1 _
      target_info{instance="a", job="1", v="y"} _ _ 1`;
    expect(await lines(script, 'info(m)')).toEqual([
      'm{instance="a", job="1", v="x"} 1@0 2@60',
      'm{instance="a", job="1", v="y"} 3@120',
    ]);
  });

  test('native histograms are described like floats, and may not be info metrics', async () => {
    const script = `load 1m
      h{instance="a", job="1"} {{schema:0 count:4 sum:5 buckets:[1 2 1]}}
      other_info{instance="a", job="1"} {{schema:0 count:4 sum:5 buckets:[1 2 1]}}
      target_info{instance="a", job="1", v="x"} 1`;
    expect(await lines(script, 'histogram_count(info(h))', 0)).toEqual([
      '{instance="a", job="1", v="x"} 4@0',
    ]);
    const engine = await engineOver(script);
    expect(await messageOf(engine.instant('info(h, {__name__="other_info"})', 0))).toBe(
      'this should be an info metric, with float samples: {__name__="other_info", instance="a", job="1"}',
    );
  });

  test('two equally new samples of one info metric are refused, unless nothing is there to describe', async () => {
    const script = `load 1m
      m{instance="a", job="1"} _ 2
      target_info{instance="a", job="1", v="x"} 1 1
      target_info{instance="a", job="1", v="y"} 1 1`;
    const engine = await engineOver(script, LOOKBACK);
    expect(linesOf(await engine.instant('info(m)', 0))).toEqual([]);
    expect(await messageOf(engine.instant('info(m)', 60_000))).toBe(
      'found duplicate series for info metric: existing {__name__="target_info", instance="a", job="1", v="x"} @ 60000, ' +
        'new {__name__="target_info", instance="a", job="1", v="y"} @ 60000',
    );
  });

  test('info metrics that disagree about a label are refused, unless the series has it itself', async () => {
    const script = `load 1m
      m{instance="a", job="1"} 1
      own{instance="a", job="1", v="own"} 1
      x_info{instance="a", job="1", v="x"} 1
      y_info{instance="a", job="1", v="y"} 1`;
    const engine = await engineOver(script);
    const wanted = '{__name__=~"[xy]_info"}';
    expect(await messageOf(engine.instant(`info(m, ${wanted})`, 0))).toBe('conflicting label: v');
    expect(linesOf(await engine.instant(`info(own, ${wanted})`, 0))).toEqual([
      'own{instance="a", job="1", v="own"} 1',
    ]);
  });

  test('series that become equal are refused', async () => {
    const script = `load 1m
      m{instance="a", job="1"} 1
      m{instance="a", job="1", v="x"} 1
      target_info{instance="a", job="1", v="x"} 1`;
    const engine = await engineOver(script);
    expect(await messageOf(engine.instant('info(m)', 0))).toBe(
      'vector cannot contain metrics with the same labelset',
    );
  });

  test('series without job and instance stay as they are, or go where a label is asked for', async () => {
    const script = `load 1m
      m{x="1"} 1
      target_info{instance="a", job="1", v="x"} 1`;
    const engine = await engineOver(script);
    expect(linesOf(await engine.instant('info(m)', 0))).toEqual(['m{x="1"} 1']);
    expect(linesOf(await engine.instant('info(m, {v=~".+"})', 0))).toEqual([]);
    expect(linesOf(await engine.instant('info(vector(1))', 0))).toEqual(['{} 1']);
  });

  test('a query that pauses at every chance has the same answer', async () => {
    const series = Array.from({ length: 300 }, (_, i) => `m{instance="${i}", job="1"} ${i}+1x200`);
    const infos = series.map((_, i) => `target_info{instance="${i}", job="1", v="${i % 7}"} 1x200`);
    const script = `load 1m\n${[...series, ...infos].join('\n')}`;
    const expr = 'sum by (v) (info(m))';
    const whole = await (await engineOver(script)).range(expr, 0, 12_000_000, 60_000);
    const cut = await (await engineOver(script, { sliceMs: 0 })).range(expr, 0, 12_000_000, 60_000);
    expect(cut.value).toEqual(whole.value);
  });
});
