import { z } from 'zod';
import { goQuote } from '../../core/go-quote.ts';
import { TocsinError } from '../../core/errors.ts';
import { Labels, LEGACY_LABEL_NAME } from '../../core/labels.ts';
import type { Matcher } from '../../core/matcher.ts';
import type {
  Querier,
  ReadableStorage,
  SampleBuffer,
  SelectHints,
  SeriesCursor,
  SeriesRef,
} from '../../storage/index.ts';
import { QueryError } from '../query-engine.ts';
import type { MatrixSeries } from '../query-engine.ts';
import { queryParams, resultTypeOf, secondsText } from './query-params.ts';
import { readValue } from './read-value.ts';
import type { RemoteAnswer, RemoteApi, RemoteRequest } from './remote-api.ts';

/** Times beyond this are not asked for: APIs refuse them, and nothing is that old or that far ahead. */
const MAX_TIME_MS = Date.UTC(2200, 0);

const textsSchema = z.array(z.string());
const seriesSchema = z.array(z.record(z.string(), z.string()));

/** Series, labels and samples of another engine, through the same HTTP API as queries. */
export class RemoteReadableStorage implements ReadableStorage {
  readonly #api: RemoteApi;

  constructor(api: RemoteApi) {
    this.#api = api;
  }

  querier(minMs: number, maxMs: number): Querier {
    return new RemoteQuerier(this.#api, Math.max(minMs, 0), Math.min(maxMs, MAX_TIME_MS));
  }
}

class RemoteQuerier implements Querier {
  readonly #api: RemoteApi;
  readonly #minMs: number;
  readonly #maxMs: number;
  readonly #controller = new AbortController();

  constructor(api: RemoteApi, minMs: number, maxMs: number) {
    this.#api = api;
    this.#minMs = minMs;
    this.#maxMs = maxMs;
  }

  async select(matchers: readonly Matcher[], hints: SelectHints): Promise<SeriesCursor> {
    const minMs = Math.max(hints.minMs, this.#minMs);
    const maxMs = Math.min(hints.maxMs, this.#maxMs);
    if (hints.labelsOnly === true) {
      const { data } = await this.#ask(
        '/api/v1/series',
        this.#about([['match[]', selector(matchers)]], hints.limit),
      );
      const series = expect(seriesSchema, data).map((labels) => withoutSamples(Labels.fromObject(labels)));
      return new RemoteCursor(series, hints.limit);
    }
    // A range is open at its start; the API has whole milliseconds.
    const query = `${selector(matchers)}[${maxMs - minMs + 1}ms]`;
    const asked = { kind: 'instant', query, startMs: maxMs, endMs: maxMs, stepMs: 0 } as const;
    const { path, params } = queryParams(asked, undefined);
    const answer = await this.#ask(path, params);
    const value = guard(() =>
      readValue(resultTypeOf(answer), JSON.parse(Buffer.concat(answer.result).toString('utf8'))),
    );
    return new RemoteCursor(value.type === 'matrix' ? value.series : [], hints.limit);
  }

  async labelNames(matchers: readonly Matcher[], limit: number): Promise<string[]> {
    const { data } = await this.#ask('/api/v1/labels', this.#about(matchParams(matchers), limit));
    return expect(textsSchema, data);
  }

  async labelValues(name: string, matchers: readonly Matcher[], limit: number): Promise<string[]> {
    const path = `/api/v1/label/${encodeURIComponent(name)}/values`;
    const { data } = await this.#ask(path, this.#about(matchParams(matchers), limit), 'GET');
    return expect(textsSchema, data);
  }

  close(): void {
    this.#controller.abort();
  }

  #about(params: readonly (readonly [string, string])[], limit: number): RemoteRequest['params'] {
    const span: (readonly [string, string])[] = [
      ['start', secondsText(this.#minMs)],
      ['end', secondsText(this.#maxMs)],
    ];
    if (limit > 0) span.push(['limit', String(limit)]);
    return [...params, ...span];
  }

  async #ask(
    path: string,
    params: RemoteRequest['params'],
    method: 'GET' | 'POST' = 'POST',
  ): Promise<RemoteAnswer> {
    try {
      return await this.#api.ask({
        path,
        params,
        method,
        signal: this.#controller.signal,
        timeoutMs: undefined,
        limit: 0,
      });
    } catch (error) {
      throw storageError(error);
    }
  }
}

/** Unlike a matcher's own text, with names in quotes where they need them. */
function selector(matchers: readonly Matcher[]): string {
  const parts = matchers.map(({ name, op, value }) => {
    return `${LEGACY_LABEL_NAME.test(name) ? name : goQuote(name)}${op}${goQuote(value)}`;
  });
  return `{${parts.join(',')}}`;
}

function matchParams(matchers: readonly Matcher[]): [string, string][] {
  return matchers.length === 0 ? [] : [['match[]', selector(matchers)]];
}

function withoutSamples(labels: Labels): MatrixSeries {
  return { labels, timestamps: new Float64Array(0), values: new Float64Array(0) };
}

function expect<T>(schema: z.ZodType<T>, data: unknown): T {
  const parsed = schema.safeParse(data);
  if (parsed.success) return parsed.data;
  throw new TocsinError('TOCSIN_ERR_STORAGE', 'the answer of the remote storage is not understood');
}

function guard<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw storageError(error);
  }
}

function storageError(error: unknown): unknown {
  if (error instanceof QueryError || error instanceof SyntaxError) {
    return new TocsinError('TOCSIN_ERR_STORAGE', error.message, { cause: error });
  }
  return error;
}

class RemoteCursor implements SeriesCursor {
  readonly count: number;
  readonly #series: readonly MatrixSeries[];
  #at = -1;

  constructor(series: readonly MatrixSeries[], limit: number) {
    const sorted = series.toSorted((a, b) => a.labels.compare(b.labels));
    this.#series = limit > 0 ? sorted.slice(0, limit) : sorted;
    this.count = this.#series.length;
  }

  next(): boolean {
    return ++this.#at < this.count;
  }

  labels(): Labels {
    return this.#series[this.#at]!.labels;
  }

  ref(): SeriesRef {
    return this.#at + 1;
  }

  read(minMs: number, maxMs: number, into: SampleBuffer): number {
    into.clear();
    const { timestamps, values } = this.#series[this.#at]!;
    into.reserve(timestamps.length);
    for (const [i, tMs] of timestamps.entries()) {
      if (tMs < minMs || tMs > maxMs) continue;
      into.timestamps[into.length] = tMs;
      into.values[into.length++] = values[i]!;
    }
    return into.length;
  }
}
