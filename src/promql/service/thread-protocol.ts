import type { ReadAsk, ReadForm, RemoteReadView, TsdbReaderData } from '../../storage/index.ts';
import type { PromqlFeatures } from '../features.ts';
import type { QueryErrorKind, QueryStats, QueryValue } from '../query-engine.ts';
import type { PrintForm, QueryRequest } from './query-service.ts';

/** Pieces of an answer that may be on their way before one of them has to be acknowledged. */
export const PIECES_AHEAD = 8;

/** What a query thread is started with. */
export interface QueryThreadData {
  readonly head: TsdbReaderData;
  readonly lookbackMs: number;
  readonly maxSamples: number;
  readonly features: PromqlFeatures;
}

/** What the main thread says to a query thread. */
export type ToQueryThread =
  | {
      readonly type: 'start';
      readonly id: number;
      readonly request: QueryRequest;
      /** What is left of the query's time. */
      readonly timeoutMs: number;
      readonly subqueryStepMs: number;
      /** Where else to read; undefined when nowhere. */
      readonly remote: RemoteReadView | undefined;
    }
  /** An expression is only to be printed; comes back as an answer. */
  | { readonly type: 'print'; readonly id: number; readonly query: string; readonly form: PrintForm }
  /** What came of a `fetch`. */
  | { readonly type: 'fetched'; readonly id: number; readonly fetch: number; readonly news: FetchNews }
  /** The query, or what is left of its answer, is no longer wanted. */
  | { readonly type: 'cancel'; readonly id: number; readonly why: string }
  /** A piece was used; its memory can be written anew. */
  | { readonly type: 'used'; readonly id: number; readonly buffer: ArrayBuffer };

/** What comes of a fetch: how it is laid out, its bytes, and its end or what was wrong. */
export type FetchNews =
  | { readonly kind: 'begin'; readonly form: ReadForm }
  | { readonly kind: 'bytes'; readonly bytes: Uint8Array<ArrayBuffer> }
  | { readonly kind: 'end' }
  | { readonly kind: 'failed'; readonly message: string };

/** The answer of a query without its text. */
export interface AnswerHead {
  readonly resultType: QueryValue['type'];
  readonly isTruncated: boolean;
  readonly warnings: readonly string[];
  readonly infos: readonly string[];
}

/** What a query thread says. After `failed` and the last piece nothing more comes of a query. */
export type FromQueryThread =
  | { readonly type: 'progress'; readonly id: number; readonly samplesRead: number }
  /** The query needs what an endpoint of `remote_read` has. */
  | { readonly type: 'fetch'; readonly id: number; readonly fetch: number; readonly ask: ReadAsk }
  /** It needs no more of that. */
  | { readonly type: 'endFetch'; readonly id: number; readonly fetch: number }
  | {
      readonly type: 'answer';
      readonly id: number;
      readonly head: AnswerHead;
      readonly stats: QueryStats;
      readonly bytes: Uint8Array<ArrayBuffer>;
      readonly isLast: boolean;
    }
  | {
      readonly type: 'piece';
      readonly id: number;
      readonly bytes: Uint8Array<ArrayBuffer>;
      readonly isLast: boolean;
    }
  | {
      readonly type: 'failed';
      readonly id: number;
      /** undefined is a bug, told by `message`. */
      readonly kind: QueryErrorKind | undefined;
      readonly message: string;
      /** undefined when the query was not evaluated at all: its text is wrong. */
      readonly stats: QueryStats | undefined;
    };
