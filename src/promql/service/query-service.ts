import type { QueryOrigin, QueryStats, QueryValue } from '../query-engine.ts';
import type { RunningQuery } from './query-monitor.ts';

/** How an expression that is not evaluated is shown: laid out for people, or its syntax tree. */
export type PrintForm = 'text' | 'tree';

/** What an API asks for. */
export interface QueryRequest {
  readonly kind: 'instant' | 'range';
  readonly query: string;
  readonly startMs: number;
  /** The same as {@link startMs} for an instant query. */
  readonly endMs: number;
  /** 0 for an instant query. */
  readonly stepMs: number;
  /** How far back an instant selector looks; the engine's default when absent. */
  readonly lookbackMs?: number;
  /** Waiting included; the engine's default when absent, and never longer than it. */
  readonly timeoutMs?: number;
  /** Most series of the answer; 0 is no limit. */
  readonly limit: number;
  readonly perStepStats: boolean;
  readonly origin: QueryOrigin | undefined;
}

/** An answer, as the API hands it on. */
export interface QueryAnswer {
  readonly resultType: QueryValue['type'];
  /** There were more series than {@link QueryRequest.limit}. */
  readonly isTruncated: boolean;
  readonly warnings: readonly string[];
  readonly infos: readonly string[];
  readonly stats: QueryStats;
  /** UTF-8 JSON of the result when that is short. */
  readonly text: Uint8Array | undefined;
  /**
   * The pieces of a long one, in order; to be read to the end or given up by `return()`. The bytes of a piece are good
   * until the next one is asked for: they are written anew. Rejects with QueryError when it can't be had any more.
   */
  readonly pieces: AsyncIterable<Uint8Array>;
}

/** Evaluates for others than rules: with answers as text. */
export interface QueryAnswerer {
  /** Rejects with QueryError. `signal` is aborted when nobody waits for the answer any more. */
  answer(request: QueryRequest, signal: AbortSignal): Promise<QueryAnswer>;
}

/** An answerer that can also read expressions without evaluating them, and tells what runs. */
export interface QueryService extends QueryAnswerer {
  /** The JSON of an expression that is only read. Rejects with QueryError. */
  print(query: string, form: PrintForm, signal: AbortSignal): Promise<Uint8Array>;
  /** Every query of the program that has not ended, those of rules too; oldest first. */
  list(): readonly RunningQuery[];
  /** Ends a query; false when there is none of that id. */
  kill(id: number, why: string): boolean;
}

/** No pieces. */
export async function* noPieces(): AsyncGenerator<Uint8Array> {
  // Nothing to give.
}
