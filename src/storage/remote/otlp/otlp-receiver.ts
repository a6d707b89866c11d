import { gunzip } from 'node:zlib';
import type { Clock } from '../../../core/clock.ts';
import { TocsinError, errorText } from '../../../core/errors.ts';
import type { Logger } from '../../../core/log.ts';
import type { Registry } from '../../../core/metrics.ts';
import type { SampleStorage } from '../../seam.ts';
import { Incoming } from '../receive/incoming.ts';
import type { StartTimes } from '../receive/incoming.ts';
import { Pacer } from '../receive/pacer.ts';
import type { WriteAnswer, WriteCall } from '../receive/write-receiver.ts';
import type { OtlpConfig } from './config.ts';
import { OtlpMetrics } from './metrics.ts';
import type { OtlpResource } from './model.ts';
import { readOtlpJson } from './read-json.ts';
import { readOtlp } from './read-proto.ts';
import { Translation } from './translation.ts';

const PROTOBUF = 'application/x-protobuf';
const JSON_TYPE = 'application/json';
/** Most bytes of a plain body. */
const MAX_BODY_BYTES = 32 * 1024 * 1024;
/** Longest stretch of work without giving other work a turn. */
const SLICE_MS = 8;
const RETRY_AFTER_SECONDS = 30;

/** What an {@link OtlpReceiver} is made of. */
export interface OtlpReceiverOptions {
  readonly storage: Pick<SampleStorage, 'appender'>;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly registry: Registry;
  /** The configuration at work. */
  readonly config: () => OtlpConfig;
  readonly lookbackMs: number;
  readonly starts: StartTimes;
  readonly typeAndUnitLabels: boolean;
  readonly storeMetadata: boolean;
  /** Feature `otlp-native-delta-ingestion`. */
  readonly allowDelta: boolean;
}

/**
 * Takes metrics that others send by OTLP over HTTP, as protobuf or JSON, and keeps them as Prometheus' series. An answer of
 * 200 says that the log has them.
 *
 * As Prometheus', but for this: what cannot be taken (a delta, a name of which nothing is left, a sample out of order) does
 * not take the rest of the request with it; the answer is 400 with the reasons. Failures of the storage are answered with 503,
 * which OTLP's senders try again, as they do not 500.
 *
 * @see prometheus storage/remote/write_otlp_handler.go
 */
export class OtlpReceiver {
  readonly #options: OtlpReceiverOptions;
  readonly #metrics: OtlpMetrics;

  constructor(options: OtlpReceiverOptions) {
    this.#options = options;
    this.#metrics = new OtlpMetrics(options.registry);
  }

  /** Answers a request. Rejects only for bugs. */
  async receive(call: WriteCall): Promise<WriteAnswer> {
    let resources: OtlpResource[];
    try {
      resources = await this.#read(call);
    } catch (error) {
      if (!(error instanceof TocsinError)) throw error;
      return answer(400, error.message);
    }
    const { storage, clock, starts, logger, config } = this.#options;
    const incoming = new Incoming(storage, clock.nowMs(), starts);
    const pacer = new Pacer({ clock, sliceMs: SLICE_MS });
    const translation = new Translation({ ...this.#options, config: config() }, incoming, pacer);
    try {
      await translation.run(resources);
      await incoming.commit();
    } catch (error) {
      incoming.rollback();
      if (!(error instanceof TocsinError)) throw error;
      logger.error({ err: error }, `metrics received by OTLP could not be stored: ${errorText(error)}`);
      return answer(503, error.message);
    }
    this.#tell(translation, incoming);
    const { refusals, refusedSeries } = incoming;
    if (refusedSeries > 0) {
      const text = `there is no memory for ${refusedSeries} new series: try again, or send fewer`;
      return { status: 503, headers: { 'Retry-After': String(RETRY_AFTER_SECONDS) }, text };
    }
    return refusals.count > 0 ? answer(400, refusals.text) : answer(200, '');
  }

  #tell({ warnings }: Translation, { refusals, lateExemplars }: Incoming): void {
    const { logger } = this.#options;
    const { texts } = warnings;
    if (texts.length > 0) {
      for (const [category, count] of warnings.counts()) this.#metrics.warnings.inc({ category }, count);
      logger.warn({ warnings: texts.join('; ') }, 'Warnings translating OTLP metrics');
    }
    if (lateExemplars > 0) this.#metrics.outOfOrderExemplars.inc(lateExemplars);
    if (refusals.count > 0) {
      logger.warn({ count: refusals.count, err: refusals.first }, 'Parts of an OTLP request were not taken');
    }
  }

  /** Throws TOCSIN_ERR_PARSE for what cannot be read. */
  async #read({ contentType, contentEncoding, body }: WriteCall): Promise<OtlpResource[]> {
    if (contentType !== PROTOBUF && contentType !== JSON_TYPE) {
      throw unread(`unsupported content type: ${contentType ?? ''}, supported: [${JSON_TYPE}, ${PROTOBUF}]`);
    }
    const plain = await this.#plain(contentEncoding, body);
    if (contentType === PROTOBUF) return readOtlp(plain);
    return readOtlpJson(new TextDecoder().decode(plain));
  }

  async #plain(contentEncoding: string | undefined, body: Uint8Array): Promise<Uint8Array> {
    switch (contentEncoding) {
      case 'gzip':
        return this.#options.clock.track(unzip(body));
      case undefined:
      case '':
        if (body.length <= MAX_BODY_BYTES) return body;
        throw unread(`the body has more than ${MAX_BODY_BYTES} bytes`);
      default:
        throw unread(`unsupported compression: ${contentEncoding}. Only "gzip" or no compression supported`);
    }
  }
}

function unzip(body: Uint8Array): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    gunzip(body, { maxOutputLength: MAX_BODY_BYTES }, (error, plain) => {
      if (error === null) resolve(plain);
      else reject(unread(`gzip: ${error.message}`));
    });
  });
}

function unread(message: string): TocsinError {
  return new TocsinError('TOCSIN_ERR_PARSE', message);
}

function answer(status: number, text: string): WriteAnswer {
  return { status, headers: {}, text };
}
