import { snappyCompress } from '../../../core/compression/snappy.ts';
import { TocsinError, errorText } from '../../../core/errors.ts';
import type { Labels } from '../../../core/labels.ts';
import type { Matcher } from '../../../core/matcher.ts';
import type {
  ExpectedSelection,
  Querier,
  ReadableStorage,
  SampleBuffer,
  SelectHints,
  SeriesCursor,
  SeriesRef,
} from '../../seam.ts';
import { mergeCursors } from '../../tsdb/merge/merge-queriers.ts';
import { AnswerCollector } from './answer-collector.ts';
import { ResponseType, writeReadRequest } from './read-request.ts';
import type { ReadEndpointView, ReadTransport, RemoteReadView } from './read-transport.ts';
import { RemoteCursor } from './remote-series.ts';
import type { RemoteSeries } from './remote-series.ts';

/** What a {@link FanoutStorage} reads from. */
export interface FanoutOptions {
  readonly local: ReadableStorage;
  /** Asked for each querier; undefined when there is nothing but what is here. */
  readonly view: () => RemoteReadView | undefined;
  readonly transport: ReadTransport;
  /** Awaited during long work. */
  readonly pause: () => Promise<void>;
}

/**
 * What is here and what the endpoints of `remote_read` have, as one. The endpoints are second: what one can't answer is missing, all of
 * that endpoint's in this querier, and a warning says so. Label names and values come from here alone, as in Prometheus.
 *
 * @see prometheus storage/fanout.go, storage/secondary.go, storage/remote/read.go
 */
export class FanoutStorage implements ReadableStorage {
  readonly #options: FanoutOptions;

  constructor(options: FanoutOptions) {
    this.#options = options;
  }

  querier(minMs: number, maxMs: number): Querier {
    const { local, view } = this.#options;
    const querier = local.querier(minMs, maxMs);
    const endpoints = view();
    if (endpoints === undefined) return querier;
    return new FanoutQuerier(querier, endpoints, { minMs, maxMs }, this.#options);
  }
}

class FanoutQuerier implements Querier {
  readonly #local: Querier;
  readonly #endpoints: readonly EndpointQuerier[];
  readonly #closed = new AbortController();
  /** What was asked of endpoints already. */
  readonly #expected = new Map<SelectHints, Promise<Answered[]>>();

  constructor(
    local: Querier,
    view: RemoteReadView,
    span: { readonly minMs: number; readonly maxMs: number },
    options: FanoutOptions,
  ) {
    this.#local = local;
    const { signal } = this.#closed;
    this.#endpoints = view.endpoints.map(
      (_, place) => new EndpointQuerier(view, place, span, { ...options, signal }),
    );
  }

  /** Why endpoints did not answer. */
  get warnings(): readonly string[] {
    return this.#endpoints.flatMap(({ failure }) => failure ?? []);
  }

  expect(selections: readonly ExpectedSelection[]): void {
    for (const { matchers, hints } of selections) this.#expected.set(hints, this.#ask(matchers, hints));
  }

  async select(matchers: readonly Matcher[], hints: SelectHints): Promise<SeriesCursor> {
    const asked = this.#expected.get(hints) ?? this.#ask(matchers, hints);
    const local = await this.#local.select(matchers, hints);
    const answered = (await asked).filter(({ series }) => series.length > 0);
    return answered.length === 0 ? local : new FanoutCursor(local, answered, hints.limit);
  }

  /** Asks all endpoints. Never rejects but for bugs, so it may be left alone. */
  #ask(matchers: readonly Matcher[], hints: SelectHints): Promise<Answered[]> {
    return Promise.all(
      this.#endpoints.map(async (endpoint) => ({
        endpoint,
        series: await endpoint.select(matchers, hints),
      })),
    );
  }

  labelNames(matchers: readonly Matcher[], limit: number): Promise<string[]> {
    return this.#local.labelNames(matchers, limit);
  }

  labelValues(name: string, matchers: readonly Matcher[], limit: number): Promise<string[]> {
    return this.#local.labelValues(name, matchers, limit);
  }

  cancel(): void {
    this.#closed.abort(new TocsinError('TOCSIN_ERR_CANCELLED', 'the query is over'));
  }

  close(): void {
    this.cancel();
    this.#local.close();
  }
}

interface EndpointOptions extends FanoutOptions {
  readonly signal: AbortSignal;
}

/** One endpoint for one querier. */
class EndpointQuerier {
  /** What it failed with; from then on nothing of it counts. */
  failure: string | undefined;
  readonly #view: RemoteReadView;
  readonly #place: number;
  readonly #span: { readonly minMs: number; readonly maxMs: number };
  readonly #options: EndpointOptions;

  constructor(
    view: RemoteReadView,
    place: number,
    span: { readonly minMs: number; readonly maxMs: number },
    options: EndpointOptions,
  ) {
    this.#view = view;
    this.#place = place;
    this.#span = span;
    this.#options = options;
  }

  /** Series in order of labels; none when it need not be asked or has failed. Never rejects but for bugs. */
  async select(matchers: readonly Matcher[], hints: SelectHints): Promise<readonly RemoteSeries[]> {
    const endpoint = this.#view.endpoints[this.#place]!;
    const span = this.#asked(endpoint, hints);
    if (this.failure !== undefined || span === undefined || !hasRequired(endpoint, matchers)) return [];
    try {
      return await this.#read(endpoint, matchers, hints, span);
    } catch (error) {
      if (!(error instanceof TocsinError)) throw error;
      this.failure ??= `remote_read ${endpoint.name}: ${errorText(error)}`;
      return [];
    }
  }

  /** The part of the span that is to be asked for: what is not here, unless recent samples are wanted too. */
  #asked({ readRecent }: ReadEndpointView, hints: SelectHints): readonly [number, number] | undefined {
    const minMs = Math.max(hints.minMs, this.#span.minMs);
    const maxMs = Math.min(hints.maxMs, this.#span.maxMs);
    const { localStartMs } = this.#view;
    if (readRecent) return [minMs, maxMs];
    return minMs > localStartMs ? undefined : [minMs, Math.min(maxMs, localStartMs)];
  }

  async #read(
    endpoint: ReadEndpointView,
    matchers: readonly Matcher[],
    hints: SelectHints,
    span: readonly [number, number],
  ): Promise<RemoteSeries[]> {
    const [startMs, endMs] = span.map(whole) as [number, number];
    const { transport, pause, signal } = this.#options;
    const added = endpoint.externalLabels.filter(([name]) =>
      matchers.every((matcher) => matcher.name !== name),
    );
    const query = {
      startMs,
      endMs,
      matchers: [
        ...matchers.map(({ name, op, value }) => ({ name, op, value })),
        ...added.map(([name, value]) => ({ name, op: '=' as const, value })),
      ],
      hints: {
        startMs,
        endMs,
        stepMs: hints.stepMs ?? 0,
        rangeMs: hints.purpose?.rangeMs ?? 0,
        func: hints.labelsOnly === true ? 'series' : (hints.purpose?.func ?? ''),
        grouping: hints.purpose?.grouping ?? [],
        by: hints.purpose?.by ?? false,
      },
    };
    const acceptedTypes = [ResponseType.chunks, ResponseType.samples];
    const body = snappyCompress(writeReadRequest({ queries: [query], acceptedTypes }));
    const collector = new AnswerCollector(
      added.map(([name]) => name),
      endpoint.maxFrameBytes,
    );
    await transport.read({ version: this.#view.version, endpoint: this.#place, body }, collector, signal);
    return await collector.finish(pause);
  }
}

/** A time that protocol buffers can have: spans may be without end. */
function whole(timeMs: number): number {
  return Math.max(Number.MIN_SAFE_INTEGER, Math.min(Number.MAX_SAFE_INTEGER, timeMs));
}

function hasRequired({ requiredMatchers }: ReadEndpointView, matchers: readonly Matcher[]): boolean {
  return requiredMatchers.every(([name, value]) =>
    matchers.some((matcher) => matcher.op === '=' && matcher.name === name && matcher.value === value),
  );
}

interface Answered {
  readonly endpoint: EndpointQuerier;
  readonly series: readonly RemoteSeries[];
}

/**
 * Local and other series as one. They are put together when the first is asked for: only then it is known which endpoints
 * answered every selection.
 */
class FanoutCursor implements SeriesCursor {
  readonly count: number;
  readonly #local: SeriesCursor;
  readonly #answered: readonly Answered[];
  readonly #limit: number;
  #merged: SeriesCursor | undefined;

  constructor(local: SeriesCursor, answered: readonly Answered[], limit: number) {
    this.#local = local;
    this.#answered = answered;
    this.#limit = limit;
    const count = answered.reduce((sum, { series }) => sum + series.length, local.count);
    this.count = limit > 0 ? Math.min(limit, count) : count;
  }

  next(): boolean {
    return this.#cursor.next();
  }

  labels(): Labels {
    return this.#cursor.labels();
  }

  ref(): SeriesRef {
    return this.#cursor.ref();
  }

  read(minMs: number, maxMs: number, into: SampleBuffer): number {
    return this.#cursor.read(minMs, maxMs, into);
  }

  get #cursor(): SeriesCursor {
    if (this.#merged === undefined) {
      const whole = this.#answered.filter(({ endpoint }) => endpoint.failure === undefined);
      const cursors = whole.map(({ series }) => new RemoteCursor(series));
      this.#merged = mergeCursors([this.#local, ...cursors], this.#limit);
    }
    return this.#merged;
  }
}
