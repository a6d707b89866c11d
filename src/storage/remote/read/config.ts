import { z } from 'zod';
import { checkHttpClient, httpClientConfigOf, httpClientShape } from '../../../core/http-config.ts';
import type { HttpClientConfig } from '../../../core/http-config.ts';
import { labelNameSchema, positiveDurationSchema, textSchema } from '../../../core/schema.ts';
import { remoteHeadersSchema, remoteUrlSchema } from '../config.ts';

/** One of `remote_read`. */
export interface RemoteReadConfig {
  readonly url: string;
  /** Unique; '' when none is given. */
  readonly name: string;
  readonly timeoutMs: number;
  /** Longest frame of a streamed answer that is taken. */
  readonly maxFrameBytes: number;
  readonly headers: Readonly<Record<string, string>>;
  /** Ask it also for times that are here as a whole. */
  readonly readRecent: boolean;
  /** Labels that a selector must ask for by `=`, or else the endpoint is not asked. */
  readonly requiredMatchers: Readonly<Record<string, string>>;
  /** Whether external labels are added to selectors, and taken from the series that come. */
  readonly filterExternalLabels: boolean;
  readonly http: HttpClientConfig;
}

/** One of `remote_read`. */
export const remoteReadSchema: z.ZodType<RemoteReadConfig> = z
  .strictObject({
    ...httpClientShape,
    url: remoteUrlSchema,
    name: z.string().default(''),
    remote_timeout: positiveDurationSchema.default(60_000),
    chunked_read_limit: z.number().int().positive().default(50_000_000),
    headers: remoteHeadersSchema,
    required_matchers: z.record(labelNameSchema, textSchema).default({}),
    read_recent: z.boolean().default(false),
    filter_external_labels: z.boolean().default(true),
  })
  .superRefine(checkHttpClient)
  .transform((fields) => ({
    url: fields.url,
    name: fields.name,
    timeoutMs: fields.remote_timeout,
    maxFrameBytes: fields.chunked_read_limit,
    headers: fields.headers,
    readRecent: fields.read_recent,
    requiredMatchers: fields.required_matchers,
    filterExternalLabels: fields.filter_external_labels,
    http: httpClientConfigOf(fields),
  }));
