import { Labels } from '../../../src/core/labels.ts';
import type { FloatHistogram } from '../../../src/core/histogram/float-histogram.ts';
import type { QueryResult } from '../../../src/promql/index.ts';
import { bucketList, type BucketRow } from './bucket-list.ts';

/** Answers of both programs in one form, and what is different in two of them. */

/** A query of either kind; an instant one has its time as start and end. */
export interface FuzzQuery {
  readonly expr: string;
  readonly instant: boolean;
  readonly startMs: number;
  readonly endMs: number;
  readonly stepMs: number;
}

/** A native histogram as the API shows it. */
export interface ShownHistogram {
  readonly count: number;
  readonly sum: number;
  readonly buckets: readonly BucketRow[];
}

type Point = number | ShownHistogram;

/** What a program says. */
export type Answer =
  | { readonly error: string }
  | {
      readonly type: string;
      /** By labels, then by time in milliseconds; a scalar has the labels of none. */
      readonly series: ReadonlyMap<string, ReadonlyMap<number, Point>>;
      readonly notes: readonly string[];
    };

interface ApiHistogram {
  readonly count: string;
  readonly sum: string;
  readonly buckets?: readonly (readonly [number, string, string, string])[];
}

interface ApiSeries {
  readonly metric: Record<string, string>;
  readonly value?: readonly [number, string];
  readonly values?: readonly (readonly [number, string])[];
  readonly histogram?: readonly [number, ApiHistogram];
  readonly histograms?: readonly (readonly [number, ApiHistogram])[];
}

/** What Prometheus' query API returns. */
export interface ApiAnswer {
  readonly status: string;
  readonly error?: string;
  readonly warnings?: readonly string[];
  readonly infos?: readonly string[];
  readonly data?: {
    readonly resultType: string;
    readonly result: readonly ApiSeries[] | readonly [number, string];
  };
}

function apiNumber(text: string): number {
  return Number(text.replace('Inf', 'Infinity'));
}

function apiHistogram({ count, sum, buckets = [] }: ApiHistogram): ShownHistogram {
  return {
    count: apiNumber(count),
    sum: apiNumber(sum),
    buckets: buckets.map(([, lower, upper, n]) => [apiNumber(lower), apiNumber(upper), apiNumber(n)]),
  };
}

/** An answer of Prometheus' API. */
export function fromApi({ error, data, warnings = [], infos = [] }: ApiAnswer): Answer {
  if (data === undefined) return { error: (error ?? 'no data').replace('invalid parameter "query": ', '') };
  const series = new Map<string, Map<number, Point>>();
  const notes = [...warnings, ...infos].sort();
  if (data.resultType === 'scalar') {
    const [t, value] = data.result as readonly [number, string];
    series.set('{}', new Map([[Math.round(t * 1000), apiNumber(value)]]));
    return { type: data.resultType, series, notes };
  }
  for (const one of data.result as readonly ApiSeries[]) {
    const points = new Map<number, Point>();
    for (const [t, value] of one.values ?? (one.value ? [one.value] : [])) {
      points.set(Math.round(t * 1000), apiNumber(value));
    }
    for (const [t, value] of one.histograms ?? (one.histogram ? [one.histogram] : [])) {
      points.set(Math.round(t * 1000), apiHistogram(value));
    }
    series.set(Labels.fromObject(one.metric).toString(), points);
  }
  return { type: data.resultType, series, notes };
}

function shown(histogram: FloatHistogram): ShownHistogram {
  return { count: histogram.count, sum: histogram.sum, buckets: bucketList(histogram) };
}

/** An answer of our engine. */
export function fromEngine({ value, warnings, infos }: QueryResult): Answer {
  const series = new Map<string, Map<number, Point>>();
  const notes = [...warnings, ...infos].sort();
  if (value.type === 'scalar') series.set('{}', new Map([[value.tMs, value.value]]));
  else if (value.type === 'vector') {
    for (const { labels, tMs, value: float, histogram } of value.samples) {
      series.set(labels.toString(), new Map([[tMs, histogram === undefined ? float : shown(histogram)]]));
    }
  } else if (value.type === 'matrix') {
    for (const { labels, timestamps, values, histograms } of value.series) {
      const points = new Map<number, Point>();
      timestamps.forEach((tMs, i) => points.set(tMs, values[i]!));
      histograms?.timestamps.forEach((tMs, i) => points.set(tMs, shown(histograms.values[i]!)));
      series.set(labels.toString(), points);
    }
  }
  return { type: value.type, series, notes };
}

function close(a: number, b: number): boolean {
  if (a === b || (a !== a && b !== b)) return true;
  return Math.abs(a - b) <= 1e-9 * Math.max(Math.abs(a), Math.abs(b)) + 1e-9;
}

function pointDifference(own: Point, other: Point): string | undefined {
  if (typeof own === 'number' && typeof other === 'number') {
    return close(own, other) ? undefined : `${own}, theirs ${other}`;
  }
  if (typeof own === 'number' || typeof other === 'number') {
    return `${typeof own === 'number' ? `${own}` : 'a histogram'}, theirs ${typeof other === 'number' ? `${other}` : 'a histogram'}`;
  }
  const text = `${JSON.stringify(own)}, theirs ${JSON.stringify(other)}`;
  if (!close(own.count, other.count) || !close(own.sum, other.sum)) return text;
  const [rows, wanted] = [own.buckets, other.buckets].map((buckets) => buckets.filter(isNumbered));
  if (rows!.length !== wanted!.length) return text;
  const same = rows!.every((row, i) => row.every((number, j) => close(number, wanted![i]![j]!)));
  return same ? undefined : text;
}

/** Which empty buckets a histogram has depends on its neighbours in a chunk, and times infinity they are NaN. */
function isNumbered([, , count]: BucketRow): boolean {
  return !Number.isNaN(count);
}

/** The first difference between two answers in one line; undefined when there is none. */
export function difference(ours: Answer, theirs: Answer, withTexts: boolean): string | undefined {
  if ('error' in ours || 'error' in theirs) {
    if (!('error' in ours)) return `only they fail: ${(theirs as { error: string }).error}`;
    if (!('error' in theirs)) return `only we fail: ${ours.error}`;
    if (!withTexts || comparable(ours.error) === comparable(theirs.error)) return undefined;
    return `error ${JSON.stringify(ours.error)}, theirs ${JSON.stringify(theirs.error)}`;
  }
  if (ours.type !== theirs.type) return `a ${ours.type}, theirs a ${theirs.type}`;
  for (const [key, values] of theirs.series) {
    const mine = ours.series.get(key);
    if (mine === undefined) return `we lack ${key}`;
    for (const [t, value] of values) {
      const own = mine.get(t);
      if (own === undefined) return `we lack ${key} at ${t}`;
      const found = pointDifference(own, value);
      if (found !== undefined) return `${key} at ${t}: ${found}`;
    }
    for (const t of mine.keys()) if (!values.has(t)) return `they lack ${key} at ${t}`;
  }
  for (const key of ours.series.keys()) if (!theirs.series.has(key)) return `they lack ${key}`;
  const [notes, wanted] = [comparableNotes(ours.notes), comparableNotes(theirs.notes)];
  if (withTexts && notes !== wanted) return `notes ${notes}, theirs ${wanted}`;
  return undefined;
}

/** Notes without how often something was met: Prometheus counts that again each time it merges notes. */
function comparableNotes(notes: readonly string[]): string {
  return JSON.stringify(notes.map((note) => note.replace(/, over -?\d+ samples | \(\d+ occurrences\)/, ' ')));
}

/**
 * An error without what depends on the order of a hash table, such as which of several culprits is named; and one name
 * for all errors of matching, as several may hold and Prometheus looks at whole steps at a time.
 */
function comparable(error: string): string {
  const matching =
    /^(found duplicate series for the match group|multiple matches for labels|vector cannot contain)/;
  if (matching.test(error)) return 'matching';
  return error;
}
