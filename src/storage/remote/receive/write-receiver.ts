import { snappyDecompressInto, snappyLength } from '../../../core/compression/snappy.ts';
import type { Clock } from '../../../core/clock.ts';
import { TocsinError, errorText } from '../../../core/errors.ts';
import type { Logger } from '../../../core/log.ts';
import type { Registry } from '../../../core/metrics.ts';
import type { SampleStorage } from '../../seam.ts';
import type { WriteMessage } from '../config.ts';
import { chooseMessage } from './content-type.ts';
import { Incoming } from './incoming.ts';
import type { StartTimes, WrittenCounts } from './incoming.ts';
import { WriteReceiverMetrics } from './metrics.ts';
import { StoreV1 } from './store-v1.ts';
import { StoreV2 } from './store-v2.ts';

/** Most bytes of a body, compressed and plain. */
const MAX_BODY_BYTES = 32 * 1024 * 1024;
/** A million series take a fifth of this. */
const DEFAULT_CACHE_BYTES = 1536 * 1024 * 1024;
/** Longest stretch of work without giving other work a turn. */
const SLICE_MS = 8;
/** When a sender may try again what there was no memory for. */
const RETRY_AFTER_SECONDS = 30;
/** Buffers for plain bodies that are kept, and how large they may be. */
const KEPT_BUFFERS = 4;
const KEPT_BUFFER_BYTES = 4 * 1024 * 1024;

/** What a {@link WriteReceiver} is made of. */
export interface WriteReceiverOptions {
  readonly storage: Pick<SampleStorage, 'appender'>;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly registry: Registry;
  /** `--web.remote-write-receiver.accepted-protobuf-messages`. */
  readonly messages: readonly WriteMessage[];
  readonly starts: StartTimes;
  /** Feature `type-and-unit-labels`. */
  readonly typeAndUnitLabels: boolean;
  /** Feature `metadata-wal-records`. */
  readonly storeMetadata: boolean;
  /** Most memory for knowing series again by their bytes, for each version of remote write; 1.5 GiB when absent. */
  readonly maxCacheBytes?: number;
}

/** A request to the receiver; headers as they came. */
export interface WriteCall {
  readonly contentType: string | undefined;
  readonly contentEncoding: string | undefined;
  readonly body: Uint8Array;
}

/** What is answered; the text ends without a newline and is '' where there is none. */
export interface WriteAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly text: string;
}

/** What became of a message that could be read. */
interface Stored {
  readonly written: WrittenCounts;
  readonly answer: WriteAnswer;
}

const NOTHING: WrittenCounts = { samples: 0, histograms: 0, exemplars: 0 };

/**
 * Takes samples that others send by remote write, 1.0 and 2.0. An answer of 2xx says that the log has them.
 *
 * As Prometheus', but for this: samples that cannot be taken (out of order, another value at the same time) do not take the
 * rest of a 1.0 request with them; the answer is 400 with the reasons all the same. Series that there is no memory for are
 * answered with 503, so that senders try again; what else the request had is stored.
 *
 * @see prometheus storage/remote/write_handler.go, client_golang exp/api/remote
 */
export class WriteReceiver {
  readonly #options: WriteReceiverOptions;
  readonly #metrics: WriteReceiverMetrics;
  readonly #v1: StoreV1;
  readonly #v2: StoreV2;
  readonly #buffers: Uint8Array[] = [];

  constructor(options: WriteReceiverOptions) {
    const { registry, clock, maxCacheBytes = DEFAULT_CACHE_BYTES } = options;
    this.#options = options;
    this.#metrics = new WriteReceiverMetrics(registry);
    const pacer = { clock, sliceMs: SLICE_MS };
    this.#v1 = new StoreV1({ metrics: this.#metrics, pacer, maxCacheBytes });
    this.#v2 = new StoreV2({ ...options, metrics: this.#metrics, pacer, maxCacheBytes });
  }

  /** Answers a request. Rejects only for bugs. */
  async receive({ contentType, contentEncoding, body }: WriteCall): Promise<WriteAnswer> {
    if (contentEncoding !== undefined && contentEncoding !== '' && contentEncoding !== 'snappy') {
      return refused(
        415,
        `${contentEncoding} encoding (compression) is not accepted by this server; only snappy is acceptable`,
      );
    }
    if (body.length > MAX_BODY_BYTES) {
      return refused(413, `request body exceeds the ${MAX_BODY_BYTES} bytes limit`);
    }
    let buffer: Uint8Array;
    let message: Uint8Array;
    try {
      const length = snappyLength(body);
      if (length > MAX_BODY_BYTES) {
        return refused(400, `decoded size exceeds the ${MAX_BODY_BYTES} bytes limit`);
      }
      buffer = this.#borrow(length);
      message = buffer.subarray(0, snappyDecompressInto(body, buffer));
    } catch (error) {
      return refused(400, parseText(error));
    }
    try {
      const kind = chooseMessage(contentType, this.#options.messages);
      if (!kind.ok) return refused(415, kind.message);
      return await this.#store(kind.message, message);
    } finally {
      this.#giveBack(buffer);
    }
  }

  async #store(kind: WriteMessage, message: Uint8Array): Promise<WriteAnswer> {
    const isV2 = kind === 'io.prometheus.write.v2.Request';
    const { storage, clock, starts } = this.#options;
    const incoming = new Incoming(storage, clock.nowMs(), starts);
    const { written, answer } = await this.#fill(incoming, isV2, message);
    if (!isV2) {
      this.#metrics.withoutMetadata.inc(written.samples + written.histograms);
      return answer;
    }
    const headers = {
      ...answer.headers,
      'X-Prometheus-Remote-Write-Samples-Written': String(written.samples),
      'X-Prometheus-Remote-Write-Histograms-Written': String(written.histograms),
      'X-Prometheus-Remote-Write-Exemplars-Written': String(written.exemplars),
    };
    return { ...answer, headers };
  }

  async #fill(incoming: Incoming, isV2: boolean, message: Uint8Array): Promise<Stored> {
    try {
      await (isV2 ? this.#v2 : this.#v1).store(message, incoming);
    } catch (error) {
      incoming.rollback();
      // Nothing of a message that cannot be read is taken.
      return { written: NOTHING, answer: refused(400, parseText(error)) };
    }
    const { logger } = this.#options;
    try {
      await incoming.commit();
    } catch (error) {
      if (!(error instanceof TocsinError)) throw error;
      logger.error({ err: error }, `received samples could not be stored: ${errorText(error)}`);
      return { written: NOTHING, answer: refused(500, error.message) };
    }
    const { written, refusals, refusedSeries } = incoming;
    if (refusedSeries > 0) {
      this.#metrics.refusedSeries.inc(refusedSeries);
      const text = `there is no memory for ${refusedSeries} new series: try again, or send fewer`;
      const headers = { 'Retry-After': String(RETRY_AFTER_SECONDS) };
      return { written, answer: { status: 503, headers, text } };
    }
    if (refusals.count > 0) {
      logger.warn({ count: refusals.count, err: refusals.first }, 'Received samples were not taken');
      return { written, answer: refused(400, refusals.text) };
    }
    return { written, answer: { status: 204, headers: {}, text: '' } };
  }

  #borrow(length: number): Uint8Array {
    const kept = this.#buffers.pop();
    if (kept !== undefined && kept.length >= length) return kept;
    return new Uint8Array(Math.max(length, kept?.length ?? 0));
  }

  #giveBack(buffer: Uint8Array): void {
    if (this.#buffers.length < KEPT_BUFFERS && buffer.length <= KEPT_BUFFER_BYTES) this.#buffers.push(buffer);
  }
}

function refused(status: number, text: string): WriteAnswer {
  return { status, headers: {}, text };
}

/** What is wrong with bytes that could not be read; throws bugs on. */
function parseText(error: unknown): string {
  if (error instanceof TocsinError && error.code === 'TOCSIN_ERR_PARSE') return error.message;
  throw error;
}
