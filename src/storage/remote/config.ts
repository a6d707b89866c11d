import { z } from 'zod';
import {
  checkHttpClient,
  httpClientConfigOf,
  httpClientShape,
  RESERVED_HEADERS,
} from '../../core/http-config.ts';
import type { HttpClientConfig } from '../../core/http-config.ts';
import { relabelConfigsSchema } from '../../core/relabel.ts';
import type { RelabelConfig } from '../../core/relabel.ts';
import { durationSchema, positiveDurationSchema, textSchema } from '../../core/schema.ts';
import { notInVersion } from '../../core/validate-yaml.ts';

/** `queue_config`: how much is sent at a time, and when it is tried again. */
export interface QueueConfig {
  /** Samples that wait in one shard before the log is not read any further. */
  readonly capacity: number;
  readonly minShards: number;
  readonly maxShards: number;
  readonly maxSamplesPerSend: number;
  /** Longest time that a sample waits for others to go with it. */
  readonly batchSendDeadlineMs: number;
  readonly minBackoffMs: number;
  readonly maxBackoffMs: number;
  /** Whether HTTP 429 is tried again; without it such samples are dropped, as Prometheus does. Here that is not the default. */
  readonly retryOnRateLimit: boolean;
  /** Older samples are dropped; 0 is no limit. */
  readonly sampleAgeLimitMs: number;
}

/** The messages of remote write, 1.0 and 2.0, by their protobuf names. */
export const WRITE_MESSAGES = ['prometheus.WriteRequest', 'io.prometheus.write.v2.Request'] as const;
export type WriteMessage = (typeof WRITE_MESSAGES)[number];

/** One of `remote_write`. */
export interface RemoteWriteConfig {
  readonly url: string;
  /** Unique; made of the configuration's fingerprint when none is given. */
  readonly name: string;
  readonly timeoutMs: number;
  readonly message: WriteMessage;
  readonly headers: Readonly<Record<string, string>>;
  readonly relabelConfigs: readonly RelabelConfig[];
  readonly sendExemplars: boolean;
  readonly sendNativeHistograms: boolean;
  readonly queue: QueueConfig;
  readonly metadata: {
    readonly send: boolean;
    readonly sendIntervalMs: number;
    readonly maxSamplesPerSend: number;
  };
  /** Whether each new connection goes to any one of the host's addresses. */
  readonly roundRobinDns: boolean;
  /** Whether requests of version 2.0 that failed are told in the log, at level debug. */
  readonly logFailedRequests: boolean;
  readonly http: HttpClientConfig;
}

/** `headers` of remote write and remote read. */
export const remoteHeadersSchema: z.ZodType<
  Record<string, string>,
  Record<string, string | number | boolean> | undefined
> = z
  .record(z.string(), textSchema)
  .superRefine((headers, context) => {
    for (const name of Object.keys(headers)) {
      if (!RESERVED_HEADERS.has(name.toLowerCase())) continue;
      const message =
        name.toLowerCase() === 'authorization'
          ? 'authorization header must be changed via the basic_auth, authorization, oauth2, sigv4, azuread or google_iam parameter'
          : `${name} is a reserved header. It must not be changed`;
      context.addIssue({ code: 'custom', path: [name], message });
    }
  })
  .default({});

/** `url` of remote write and remote read. */
export const remoteUrlSchema: z.ZodType<string, string> = z.string().superRefine((text, context) => {
  const url = URL.parse(text);
  if (url !== null && (url.protocol === 'http:' || url.protocol === 'https:')) return;
  context.addIssue({ code: 'custom', message: `${JSON.stringify(text)} is not an http or https URL` });
});

const countSchema = z.number().int().positive();

const queueSchema = z
  .strictObject({
    capacity: countSchema.default(10_000),
    max_shards: z.number().int().positive('remote write queue max_shards must be positive').default(50),
    min_shards: z.number().int().positive('remote write queue min_shards must be positive').default(1),
    max_samples_per_send: countSchema.default(2000),
    batch_send_deadline: positiveDurationSchema.default(5000),
    min_backoff: positiveDurationSchema.default(30),
    max_backoff: positiveDurationSchema.default(5000),
    retry_on_http_429: z.boolean().default(true),
    sample_age_limit: durationSchema.default(0),
  })
  .superRefine((queue, context) => {
    if (queue.min_shards > queue.max_shards) {
      const message = 'remote write queue min_shards must not be greater than max_shards';
      context.addIssue({ code: 'custom', path: ['min_shards'], message });
    }
    if (queue.min_backoff > queue.max_backoff) {
      const message = 'remote write queue min_backoff must not be greater than max_backoff';
      context.addIssue({ code: 'custom', path: ['min_backoff'], message });
    }
  });

const metadataSchema = z.strictObject({
  send: z.boolean().default(true),
  send_interval: positiveDurationSchema.default(60_000),
  max_samples_per_send: countSchema.default(2000),
});

/** One of `remote_write`. */
export const remoteWriteSchema: z.ZodType<RemoteWriteConfig> = notInVersion(
  z.strictObject({
    ...httpClientShape,
    enable_http2: z.boolean().default(false),
    url: remoteUrlSchema,
    name: z.string().default(''),
    remote_timeout: positiveDurationSchema.default(30_000),
    protobuf_message: z.enum(WRITE_MESSAGES).default('prometheus.WriteRequest'),
    headers: remoteHeadersSchema,
    write_relabel_configs: relabelConfigsSchema,
    send_exemplars: z.boolean().default(false),
    send_native_histograms: z.boolean().default(false),
    queue_config: queueSchema.prefault({}),
    metadata_config: metadataSchema.prefault({}),
    round_robin_dns: z.boolean().default(false),
    failed_request_logging: z.boolean().default(false),
  }),
  ['sigv4', 'azuread', 'google_iam'],
)
  .superRefine(checkHttpClient)
  .transform((fields) => ({
    url: fields.url,
    name: fields.name,
    timeoutMs: fields.remote_timeout,
    message: fields.protobuf_message,
    headers: fields.headers,
    relabelConfigs: fields.write_relabel_configs,
    sendExemplars: fields.send_exemplars,
    sendNativeHistograms: fields.send_native_histograms,
    queue: {
      capacity: fields.queue_config.capacity,
      minShards: fields.queue_config.min_shards,
      maxShards: fields.queue_config.max_shards,
      maxSamplesPerSend: fields.queue_config.max_samples_per_send,
      batchSendDeadlineMs: fields.queue_config.batch_send_deadline,
      minBackoffMs: fields.queue_config.min_backoff,
      maxBackoffMs: fields.queue_config.max_backoff,
      retryOnRateLimit: fields.queue_config.retry_on_http_429,
      sampleAgeLimitMs: fields.queue_config.sample_age_limit,
    },
    metadata: {
      send: fields.metadata_config.send,
      sendIntervalMs: fields.metadata_config.send_interval,
      maxSamplesPerSend: fields.metadata_config.max_samples_per_send,
    },
    roundRobinDns: fields.round_robin_dns,
    logFailedRequests: fields.failed_request_logging,
    http: httpClientConfigOf(fields),
  }));
