import { z } from 'zod';
import { parseFloatText } from '../../core/float-text.ts';
import { Labels } from '../../core/labels.ts';
import { QueryError } from '../query-engine.ts';
import type { MatrixSeries, QueryValue, VectorSample } from '../query-engine.ts';

const pointSchema = z.tuple([z.number(), z.string()]);
const metricSchema = z.record(z.string(), z.string());
const vectorSchema = z.array(
  z.object({ metric: metricSchema, value: pointSchema.optional(), histogram: z.unknown().optional() }),
);
const matrixSchema = z.array(
  z.object({
    metric: metricSchema,
    values: z.array(pointSchema).default([]),
    histograms: z.unknown().optional(),
  }),
);

/**
 * The value that a `data.result` of the HTTP API stands for. Throws QueryError when it is not of its type, and when it has
 * native histograms: their JSON does not tell how they are stored.
 */
export function readValue(resultType: string, result: unknown): QueryValue {
  switch (resultType) {
    case 'vector': {
      return { type: 'vector', samples: expect(vectorSchema, result).map(readSample) };
    }
    case 'matrix': {
      return { type: 'matrix', series: expect(matrixSchema, result).map(readSeries) };
    }
    case 'scalar': {
      const [seconds, text] = expect(pointSchema, result);
      return { type: 'scalar', tMs: milliseconds(seconds), value: readFloat(text) };
    }
    case 'string': {
      const [seconds, value] = expect(pointSchema, result);
      return { type: 'string', tMs: milliseconds(seconds), value };
    }
    default: {
      throw notUnderstood(`results of type ${JSON.stringify(resultType)} are unknown`);
    }
  }
}

function readSample(sample: z.output<typeof vectorSchema>[number]): VectorSample {
  if (sample.value === undefined) throw hasHistograms();
  const [seconds, text] = sample.value;
  return { labels: Labels.fromObject(sample.metric), tMs: milliseconds(seconds), value: readFloat(text) };
}

function readSeries(series: z.output<typeof matrixSchema>[number]): MatrixSeries {
  if (series.histograms !== undefined) throw hasHistograms();
  const timestamps = new Float64Array(series.values.length);
  const values = new Float64Array(series.values.length);
  for (const [i, [seconds, text]] of series.values.entries()) {
    timestamps[i] = milliseconds(seconds);
    values[i] = readFloat(text);
  }
  return { labels: Labels.fromObject(series.metric), timestamps, values };
}

function milliseconds(seconds: number): number {
  return Math.round(seconds * 1000);
}

function readFloat(text: string): number {
  const value = parseFloatText(text);
  if (value === undefined) throw notUnderstood(`${JSON.stringify(text)} is no number`);
  return value;
}

function expect<T>(schema: z.ZodType<T>, value: unknown): T {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  throw notUnderstood(parsed.error.issues[0]?.message ?? 'it has another shape');
}

function notUnderstood(why: string): QueryError {
  return new QueryError('execution', `the result of the remote storage is not understood: ${why}`);
}

function hasHistograms(): QueryError {
  return new QueryError(
    'execution',
    'the result of the remote storage has native histograms, which its API gives without their schema: use histogram_quantile or other functions of them in the expression, so that floats come back',
  );
}
