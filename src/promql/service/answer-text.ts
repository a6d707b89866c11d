import type { Clock } from '../../core/clock.ts';
import type { QueryEngine, QueryResult, QueryValue, QueryWatcher } from '../query-engine.ts';
import type { QueryRequest } from './query-service.ts';
import { resultPieces } from './result-json.ts';

/** Bytes that are handed on at a time, about. */
const PIECE_LENGTH = 128 * 1024;

/** Longest stretch of making text without giving other work a turn. */
const TURN_MS = 10;

/** Asks an engine for what a request wants. */
export function ask(
  engine: QueryEngine,
  request: QueryRequest,
  signal: AbortSignal,
  watcher?: QueryWatcher,
): Promise<QueryResult> {
  const { query, startMs, endMs, stepMs, lookbackMs, timeoutMs, perStepStats, origin } = request;
  const options = {
    signal,
    ...(lookbackMs !== undefined && { lookbackMs }),
    ...(timeoutMs !== undefined && { timeoutMs }),
    ...(perStepStats && { perStepStats }),
    ...(origin && { origin }),
    ...(watcher && { watcher }),
  };
  return request.kind === 'instant'
    ? engine.instant(query, startMs, options)
    : engine.range(query, startMs, endMs, stepMs, options);
}

/** At most `limit` series of a value; 0 is no limit. */
export function limitSeries(
  value: QueryValue,
  limit: number,
): { readonly value: QueryValue; readonly isTruncated: boolean } {
  if (limit > 0 && value.type === 'vector' && value.samples.length > limit) {
    return { value: { ...value, samples: value.samples.slice(0, limit) }, isTruncated: true };
  }
  if (limit > 0 && value.type === 'matrix' && value.series.length > limit) {
    return { value: { ...value, series: value.series.slice(0, limit) }, isTruncated: true };
  }
  return { value, isTruncated: false };
}

/** Makes a value's JSON, piece by piece, each in a buffer of its own. */
export class AnswerText {
  readonly #clock: Clock;
  readonly #iterator: Iterator<string>;
  readonly #encoder = new TextEncoder();
  #turnEndMs: number;
  #waiting: string | undefined;

  constructor(value: QueryValue, clock: Clock) {
    this.#clock = clock;
    this.#iterator = resultPieces(value)[Symbol.iterator]();
    this.#turnEndMs = clock.monotonicMs() + TURN_MS;
  }

  /** The next piece and whether it is the last. Gives other work its turns. */
  async next(): Promise<{ readonly bytes: Uint8Array<ArrayBuffer>; readonly isLast: boolean }> {
    let text = this.#waiting ?? '';
    this.#waiting = undefined;
    for (let isFirst = true; ; isFirst = false) {
      const next = this.#iterator.next();
      if (next.done === true) return { bytes: this.#encoder.encode(text), isLast: true };
      // A piece goes out once something comes after it, so that the last one is known to be it.
      if (text.length >= PIECE_LENGTH && !isFirst) {
        this.#waiting = next.value;
        return { bytes: this.#encoder.encode(text), isLast: false };
      }
      text += next.value;
      if (this.#clock.monotonicMs() >= this.#turnEndMs) {
        await this.#clock.yieldTurn();
        this.#turnEndMs = this.#clock.monotonicMs() + TURN_MS;
      }
    }
  }
}
