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
    readonly samplesReadPerStep?: readonly Point[];
    readonly samplesRead: number;
    readonly peakSamples: number;
  };
}

/** @see prometheus util/stats/query_stats.go BuiltinStats */
export function queryStatsView(stats: QueryStats): QueryStatsView {
  const { timings, totalSamples, totalSamplesPerStep, samplesRead, samplesReadPerStep, peakSamples } = stats;
  return {
    timings: {
      evalTotalTime: seconds(timings.evalTotalMs),
      resultSortTime: seconds(timings.resultSortMs),
      queryPreparationTime: seconds(timings.queryPreparationMs),
      innerEvalTime: seconds(timings.innerEvalMs),
      execQueueTime: seconds(timings.execQueueMs),
      execTotalTime: seconds(timings.execTotalMs),
    },
    samples: {
      ...(totalSamplesPerStep && { totalQueryableSamplesPerStep: points(totalSamplesPerStep) }),
      totalQueryableSamples: totalSamples,
      ...(samplesReadPerStep && { samplesReadPerStep: points(samplesReadPerStep) }),
      samplesRead,
      peakSamples,
    },
  };
}

/** Whole nanoseconds, as Go's durations are. */
function seconds(ms: number): number {
  return Math.round(ms * 1e6) / 1e9;
}

function points({ startMs, stepMs, counts }: StepCounts): Point[] {
  return Array.from(counts, (count, k) => [(startMs + k * stepMs) / 1000, count]);
}
