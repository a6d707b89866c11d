import { z } from 'zod';
import { durationSchema, textSchema } from '../core/schema.ts';
import { checkHttpClient, httpClientConfigOf, httpClientShape } from '../core/http-config.ts';
import type { HttpClientConfig } from '../core/http-config.ts';

/** `remote_storage:`: where queries and rules are evaluated instead of here. */
export interface RemoteStorageConfig {
  /** What `/api/v1/query` is added to; without a slash at its end. */
  readonly url: string;
  /** Given up after this long, whatever a query allows itself. */
  readonly timeoutMs: number;
  /** Longest answer that is taken. */
  readonly maxAnswerBytes: number;
  /** Parameters that every request gets besides its own. */
  readonly params: Readonly<Record<string, string>>;
  readonly http: HttpClientConfig;
}

const urlSchema = z.string().superRefine((text, context) => {
  const url = URL.parse(text);
  if (url !== null && (url.protocol === 'http:' || url.protocol === 'https:') && url.search === '') return;
  const message = `${JSON.stringify(text)} is not the base of an HTTP API, like http://victoria-metrics:8428`;
  context.addIssue({ code: 'custom', message });
});

/** The schema of `remote_storage:`. */
export const remoteStorageSchema: z.ZodType<RemoteStorageConfig> = z
  .strictObject({
    ...httpClientShape,
    url: urlSchema,
    timeout: durationSchema.default(120_000),
    max_answer_bytes: z
      .number()
      .int()
      .positive()
      .default(512 * 1024 * 1024),
    params: z.record(z.string(), textSchema).default({}),
  })
  .superRefine(checkHttpClient)
  .transform((fields) => ({
    url: fields.url.replace(/\/+$/, ''),
    timeoutMs: fields.timeout,
    maxAnswerBytes: fields.max_answer_bytes,
    params: fields.params,
    http: httpClientConfigOf(fields),
  }));
