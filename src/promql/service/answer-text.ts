import type { Clock } from '../../core/clock.ts';
import type { ReadableStorage } from '../../storage/index.ts';
import type { QueryEngine, QueryResult, QueryValue, QueryWatcher } from '../query-engine.ts';
import type { QueryRequest } from './query-service.ts';
import { JsonBytes } from './json-bytes.ts';
import { writeResult } from './result-json.ts';

/** Bytes that are handed on at a time, about. */
const PIECE_LENGTH = 128 * 1024;
/** Memory of one piece: it ends after the bit of work that makes it long enough. */
const BUFFER_LENGTH = 2 * PIECE_LENGTH;
/** Most buffers that are kept for later: 4 MiB. */
const MAX_FREE = 16;

/** Longest stretch of making text without giving other work a turn. */
const TURN_MS = 10;

/** Asks an engine for what a request wants. */
export function ask(
  engine: QueryEngine,
  request: QueryRequest,
  signal: AbortSignal,
  more: { readonly watcher?: QueryWatcher; readonly reads?: ReadableStorage | undefined } = {},
): Promise<QueryResult> {
  const { query, startMs, endMs, stepMs, lookbackMs, timeoutMs, perStepStats, origin } = request;
  const options = {
    signal,
    ...(lookbackMs !== undefined && { lookbackMs }),
    ...(timeoutMs !== undefined && { timeoutMs }),
    ...(perStepStats && { perStepStats }),
    ...(origin && { origin }),
    ...(more.watcher && { watcher: more.watcher }),
    ...(more.reads && { reads: more.reads }),
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

/** Memory for pieces, used again and again: making and freeing it costs more than writing it. */
export class PieceBuffers {
  readonly #free: ArrayBuffer[] = [];

  /** A buffer with room for a usual piece. */
  take(): ArrayBuffer {
    return this.#free.pop() ?? new ArrayBuffer(BUFFER_LENGTH);
  }

  /** Takes a buffer back. Those that had to grow and those that are too many are dropped. */
  give(buffer: ArrayBuffer): void {
    if (buffer.byteLength === BUFFER_LENGTH && this.#free.length < MAX_FREE) this.#free.push(buffer);
  }
}

/** Makes a value's JSON, piece by piece, each in a buffer of its own. */
export class AnswerText {
  readonly #clock: Clock;
  readonly #buffers: PieceBuffers;
  readonly #bytes: JsonBytes;
  readonly #work: Iterator<undefined>;
  #turnEndMs: number;

  constructor(value: QueryValue, clock: Clock, buffers: PieceBuffers) {
    this.#clock = clock;
    this.#buffers = buffers;
    this.#bytes = new JsonBytes(buffers.take());
    this.#work = writeResult(value, this.#bytes);
    this.#turnEndMs = clock.monotonicMs() + TURN_MS;
  }

  /**
   * The next piece and whether it is the last. Gives other work its turns. The last has a buffer of just its length,
   * others one of {@link PieceBuffers}.
   */
  async next(): Promise<{ readonly bytes: Uint8Array<ArrayBuffer>; readonly isLast: boolean }> {
    while (this.#work.next().done !== true) {
      if (this.#bytes.length >= PIECE_LENGTH) {
        return { bytes: this.#bytes.swap(this.#buffers.take()), isLast: false };
      }
      if (this.#clock.monotonicMs() < this.#turnEndMs) continue;
      await this.#clock.yieldTurn();
      this.#turnEndMs = this.#clock.monotonicMs() + TURN_MS;
    }
    const bytes = this.#bytes.copy();
    this.#buffers.give(this.#bytes.swap(new ArrayBuffer(0)).buffer);
    return { bytes, isLast: true };
  }
}
