import type { QueryStats, StepCounts } from '../query-engine.ts';

type Point = readonly [seconds: number, count: number];

/** A query's statistics as Prometheus' API and query log give them; seconds. */
export interface QueryStatsView {
  readonly timings: {
    readonly evalTotalTime: number;
    readonly resultSortTime: number;
    readonly queryPreparationTime: number;
    readonly innerEvalTime: number;
    readonly execQueueTime: number;
    readonly execTotalTime: number;
  };
  readonly samples: {
    readonly totalQueryableSamplesPerStep?: readonly Point[];
    readonly totalQueryableSamples: number;
    readonly samplesRead: number;
    readonly peakSamples: number;
  };
}

/** @see prometheus util/stats/query_stats.go BuiltinStats */
export function queryStatsView(stats: QueryStats): QueryStatsView {
  const { timings, totalSamples, totalSamplesPerStep, samplesRead, peakSamples } = stats;
  return {
    timings: {
      evalTotalTime: timings.evalTotalMs / 1000,
      resultSortTime: timings.resultSortMs / 1000,
      queryPreparationTime: timings.queryPreparationMs / 1000,
      innerEvalTime: timings.innerEvalMs / 1000,
      execQueueTime: timings.execQueueMs / 1000,
      execTotalTime: timings.execTotalMs / 1000,
    },
    samples: {
      ...(totalSamplesPerStep && { totalQueryableSamplesPerStep: points(totalSamplesPerStep) }),
      totalQueryableSamples: totalSamples,
      samplesRead,
      peakSamples,
    },
  };
}

function points({ startMs, stepMs, counts }: StepCounts): Point[] {
  return Array.from(counts, (count, k) => [(startMs + k * stepMs) / 1000, count]);
}
