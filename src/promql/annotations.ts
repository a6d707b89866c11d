import type { Position } from './parser/ast.ts';
import { goQuote } from '../core/go-quote.ts';
import { lineColumn } from './parser/parse-error.ts';
import { goGeneralDigits } from './functions/go-format.ts';
import { formatFloatGeneral } from '../core/float-text.ts';

/** The two kinds of notes on an answer. */
export type AnnotationKind = 'warning' | 'info';

interface Annotation {
  readonly kind: AnnotationKind;
  readonly position: Position;
  /** Text after the message and before the position. */
  readonly detail: () => string;
}

/** Where and how far classic buckets had to be made monotonic. */
export interface MonotonicityFix {
  readonly tMs: number;
  readonly minBucket: number;
  readonly maxBucket: number;
  readonly maxDiff: number;
}

interface MonotonicityTotal {
  minMs: number;
  maxMs: number;
  minBucket: number;
  maxBucket: number;
  maxDiff: number;
  count: number;
}

const MONOTONICITY =
  'PromQL info: input to histogram_quantile needed to be fixed for monotonicity (see https://prometheus.io/docs/prometheus/latest/querying/functions/#histogram_quantile)';

function forMetric(message: string, metricName: string): string {
  return metricName === '' ? message : `${message} for metric name ${goQuote(metricName)}`;
}

function rfc3339Seconds(tMs: number): string {
  return new Date(Math.floor(tMs / 1000) * 1000).toISOString().replace('.000Z', 'Z');
}

/**
 * Collects the notes of one evaluation. Equal messages are one note, with the position of the last. Texts are those of
 * Prometheus.
 *
 * @see prometheus util/annotations/annotations.go
 */
export class Annotations {
  readonly #byMessage = new Map<string, Annotation>();
  readonly #monotonicity = new Map<string, MonotonicityTotal>();

  #add(kind: AnnotationKind, message: string, position: Position, detail: () => string = () => ''): void {
    const label = kind === 'warning' ? 'PromQL warning' : 'PromQL info';
    this.#byMessage.set(`${label}: ${message}`, { kind, position, detail });
  }

  /** φ of a quantile outside [0, 1]. */
  invalidQuantile(phi: number, position: Position): void {
    this.#add(
      'warning',
      `quantile value should be between 0 and 1, got ${formatFloatGeneral(phi)}`,
      position,
    );
  }

  /** `sort` and `sort_desc` in a range query. */
  sortInRangeQuery(position: Position): void {
    this.#add(
      'warning',
      'sort is ineffective for range queries since results are always ordered by labels',
      position,
    );
  }

  /** A `le` that is no number. */
  badBucketLabel(metricName: string, le: string, position: Position): void {
    const message = `bucket label "le" is missing or has a malformed value of ${goQuote(le)}`;
    this.#add('warning', forMetric(message, metricName), position);
  }

  /** rate or increase over a metric whose name doesn't look like a counter's. */
  possibleNonCounter(metricName: string, position: Position): void {
    this.#add(
      'info',
      `metric might not be a counter, name does not end in _total/_sum/_count/_bucket: ${goQuote(metricName)}`,
      position,
    );
  }

  /** Classic buckets whose counts decrease; all occurrences in a query become one note. */
  forcedMonotonicity(metricName: string, fix: MonotonicityFix, position: Position): void {
    const message = forMetric(MONOTONICITY, metricName);
    const total = this.#monotonicity.get(message);
    if (total === undefined) {
      const made: MonotonicityTotal = { ...fix, minMs: fix.tMs, maxMs: fix.tMs, count: 1 };
      this.#monotonicity.set(message, made);
      this.#byMessage.set(message, {
        kind: 'info',
        position,
        detail: () =>
          `, from buckets ${formatFloatGeneral(made.minBucket)} to ${formatFloatGeneral(made.maxBucket)}, with a max diff of ` +
          `${goGeneralDigits(made.maxDiff, 2)}, over ${made.count} samples from ${rfc3339Seconds(made.minMs)} to ` +
          rfc3339Seconds(made.maxMs),
      });
      return;
    }
    total.count++;
    total.minMs = Math.min(total.minMs, fix.tMs);
    total.maxMs = Math.max(total.maxMs, fix.tMs);
    total.minBucket = Math.min(total.minBucket, fix.minBucket);
    total.maxBucket = Math.max(total.maxBucket, fix.maxBucket);
    total.maxDiff = Math.max(total.maxDiff, fix.maxDiff);
  }

  /** The notes of one kind as the API shows them, with `(line:column)` in the query's text. */
  texts(kind: AnnotationKind, query: string): string[] {
    const texts: string[] = [];
    for (const [message, annotation] of this.#byMessage) {
      if (annotation.kind !== kind) continue;
      texts.push(`${message}${annotation.detail()} (${lineColumn(query, annotation.position.start)})`);
    }
    return texts;
  }
}

/**
 * At most `limit` notes and, when there are more, a line that counts the rest: what the API returns.
 *
 * @see prometheus util/annotations/annotations.go AsStrings
 */
export function limitAnnotations(
  texts: readonly string[],
  kind: AnnotationKind,
  limit: number = 10,
): readonly string[] {
  if (texts.length <= limit) return texts;
  return [...texts.slice(0, limit), `${texts.length - limit} more ${kind} annotations omitted`];
}
