import { expect, test } from 'vitest';
import { createRegistry, Summary } from '../../../src/core/metrics.ts';

function make(labelNames: readonly 'job'[] = []): {
  readonly summary: Summary<'job'>;
  readonly text: () => Promise<string[]>;
} {
  const registry = createRegistry();
  const summary = new Summary({
    name: 'took_seconds',
    help: 'Time it took.',
    labelNames,
    percentiles: [0.5, 0.99],
    registers: [registry],
  });
  return { summary, text: async () => (await registry.metrics()).trimEnd().split('\n') };
}

test('quantiles are those of the observations, exactly', async () => {
  const { summary, text } = make();
  for (let i = 100; i >= 1; i--) summary.observe(i);
  expect(await text()).toEqual([
    '# HELP took_seconds Time it took.',
    '# TYPE took_seconds summary',
    'took_seconds{quantile="0.5"} 50',
    'took_seconds{quantile="0.99"} 99',
    'took_seconds_sum 5050',
    'took_seconds_count 100',
  ]);
});

test('quantiles look at the last 1,000 observations, sum and count at all', async () => {
  const { summary, text } = make();
  for (let i = 0; i < 500; i++) summary.observe(1_000_000);
  for (let i = 0; i < 1000; i++) summary.observe(2);
  expect((await text()).slice(2)).toEqual([
    'took_seconds{quantile="0.5"} 2',
    'took_seconds{quantile="0.99"} 2',
    'took_seconds_sum 500002000',
    'took_seconds_count 1500',
  ]);
});

test('without observations quantiles are NaN, as Prometheus shows them', async () => {
  const { text } = make();
  expect((await text()).slice(2)).toEqual([
    'took_seconds{quantile="0.5"} Nan',
    'took_seconds{quantile="0.99"} Nan',
    'took_seconds_sum 0',
    'took_seconds_count 0',
  ]);
});

test('label sets are apart and can be removed', async () => {
  const { summary, text } = make(['job']);
  summary.observe({ job: 'a' }, 1);
  summary.observe({ job: 'b' }, 2);
  summary.remove({ job: 'a' });
  expect((await text()).slice(2)).toEqual([
    'took_seconds{quantile="0.5",job="b"} 2',
    'took_seconds{quantile="0.99",job="b"} 2',
    'took_seconds_sum{job="b"} 2',
    'took_seconds_count{job="b"} 1',
  ]);
});
