import type { Clock } from '../../core/clock.ts';
import type { ParseOptions } from '../parser/index.ts';
import type { QueryEngine } from '../query-engine.ts';
import { AnswerText, ask, limitSeries, PieceBuffers } from './answer-text.ts';
import type { QueryMonitor, RunningQuery } from './query-monitor.ts';
import { printQuery } from './print-query.ts';
import {
  type PrintForm,
  type QueryAnswer,
  type QueryRequest,
  type QueryService,
  noPieces,
} from './query-service.ts';

/** Evaluates in the thread it is in, a slice at a time; on a virtual clock the order of things is always the same. */
export class LocalQueryService implements QueryService {
  readonly #engine: QueryEngine;
  readonly #monitor: QueryMonitor;
  readonly #clock: Clock;
  readonly #parseOptions: ParseOptions | undefined;

  /** The monitor is the engine's own. */
  constructor(engine: QueryEngine, monitor: QueryMonitor, clock: Clock, parseOptions?: ParseOptions) {
    this.#parseOptions = parseOptions;
    this.#engine = engine;
    this.#monitor = monitor;
    this.#clock = clock;
  }

  async answer(request: QueryRequest, signal: AbortSignal): Promise<QueryAnswer> {
    const { warnings, infos, stats, value: whole } = await ask(this.#engine, request, signal);
    const { value, isTruncated } = limitSeries(whole, request.limit);
    const buffers = new PieceBuffers();
    const text = new AnswerText(value, this.#clock, buffers);
    const { bytes, isLast } = await text.next();
    return {
      resultType: value.type,
      isTruncated,
      warnings,
      infos,
      stats,
      text: isLast ? bytes : undefined,
      pieces: isLast ? noPieces() : allPieces(bytes, text, buffers),
    };
  }

  async print(query: string, form: PrintForm): Promise<Uint8Array> {
    return printQuery(query, form, this.#parseOptions);
  }

  list(): readonly RunningQuery[] {
    return this.#monitor.list();
  }

  kill(id: number, why: string): boolean {
    return this.#monitor.kill(id, why);
  }
}

async function* allPieces(
  first: Uint8Array<ArrayBuffer>,
  text: AnswerText,
  buffers: PieceBuffers,
): AsyncGenerator<Uint8Array> {
  yield first;
  buffers.give(first.buffer);
  for (;;) {
    const { bytes, isLast } = await text.next();
    yield bytes;
    if (isLast) return;
    buffers.give(bytes.buffer);
  }
}
