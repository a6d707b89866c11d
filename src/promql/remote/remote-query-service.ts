import type { Clock } from '../../core/clock.ts';
import type { QueryMonitor } from '../service/query-monitor.ts';
import { noPieces } from '../service/query-service.ts';
import type { QueryAnswer, QueryAnswerer, QueryRequest } from '../service/query-service.ts';
import { queryParams, resultTypeOf } from './query-params.ts';
import type { RemoteApi } from './remote-api.ts';
import { remoteStats } from './remote-query-engine.ts';

/** Answers of at most this length are handed on in one piece. */
const MAX_TEXT_BYTES = 128 * 1024;

/** Hands queries of the API to another engine and its results back as they came, native histograms too. */
export class RemoteQueryService implements QueryAnswerer {
  readonly #api: RemoteApi;
  readonly #monitor: QueryMonitor;
  readonly #clock: Clock;

  constructor(api: RemoteApi, monitor: QueryMonitor, clock: Clock) {
    this.#api = api;
    this.#monitor = monitor;
    this.#clock = clock;
  }

  async answer(request: QueryRequest, signal: AbortSignal): Promise<QueryAnswer> {
    const active = this.#monitor.begin(request, signal);
    const begunMs = this.#clock.monotonicMs();
    active.started();
    try {
      const answer = await this.#api.ask({
        ...queryParams(request, request.lookbackMs),
        signal: active.signal,
        timeoutMs: request.timeoutMs,
        limit: request.limit,
      });
      const resultType = resultTypeOf(answer);
      const stats = remoteStats(this.#clock.monotonicMs() - begunMs);
      active.ended(stats);
      const { warnings, infos, isTruncated, result } = answer;
      const length = result.reduce((sum, piece) => sum + piece.length, 0);
      const isShort = length <= MAX_TEXT_BYTES;
      return {
        resultType,
        isTruncated,
        warnings,
        infos,
        stats,
        text: isShort ? Buffer.concat(result) : undefined,
        pieces: isShort ? noPieces() : piecesOf(result),
      };
    } catch (error) {
      active.ended(remoteStats(this.#clock.monotonicMs() - begunMs), error);
      throw error;
    }
  }
}

async function* piecesOf(pieces: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* pieces;
}
