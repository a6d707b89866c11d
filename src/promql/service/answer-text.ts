import type { Clock } from '../../core/clock.ts';
import type { QueryEngine, QueryResult, QueryValue, QueryWatcher } from '../query-engine.ts';
import type { QueryRequest } from './query-service.ts';
import { JsonBytes } from './json-bytes.ts';
import { writeResult } from './result-json.ts';

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
  readonly #bytes = new JsonBytes(2 * PIECE_LENGTH);
  readonly #work: Iterator<undefined>;
  #turnEndMs: number;

  constructor(value: QueryValue, clock: Clock) {
    this.#clock = clock;
    this.#work = writeResult(value, this.#bytes);
    this.#turnEndMs = clock.monotonicMs() + TURN_MS;
  }

  /** The next piece and whether it is the last. Gives other work its turns. */
  async next(): Promise<{ readonly bytes: Uint8Array<ArrayBuffer>; readonly isLast: boolean }> {
    while (this.#work.next().done !== true) {
      if (this.#bytes.length >= PIECE_LENGTH) return { bytes: this.#bytes.take(), isLast: false };
      if (this.#clock.monotonicMs() < this.#turnEndMs) continue;
      await this.#clock.yieldTurn();
      this.#turnEndMs = this.#clock.monotonicMs() + TURN_MS;
    }
    return { bytes: this.#bytes.take(), isLast: true };
  }
}
