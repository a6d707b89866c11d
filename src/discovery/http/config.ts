import { z } from 'zod';
import { checkHttpClient, httpClientConfigOf, httpClientShape } from '../../core/http-config.ts';
import { positiveDurationSchema } from '../../core/schema.ts';
import { discoveryConfig } from '../provider.ts';
import type { DiscoveryConfig } from '../provider.ts';
import { createHttpProvider } from './http-provider.ts';

/** The URL of a service that is asked over HTTP; the messages are Prometheus' own. */
const urlSchema = z.string().superRefine((text, context) => {
  const problem = problemOfUrl(text);
  if (problem !== undefined) context.addIssue({ code: 'custom', message: problem });
});

/** One entry of `http_sd_configs`. */
export const httpSdConfigSchema: z.ZodType<DiscoveryConfig> = z
  .strictObject({
    ...httpClientShape,
    url: urlSchema,
    refresh_interval: positiveDurationSchema.default(60_000),
  })
  .superRefine(checkHttpClient)
  .transform((fields) =>
    discoveryConfig(
      'http',
      { url: fields.url, refreshIntervalMs: fields.refresh_interval, http: httpClientConfigOf(fields) },
      createHttpProvider,
    ),
  );

function problemOfUrl(text: string): string | undefined {
  if (text === '') return 'URL is missing';
  if (!/^https?:/i.test(text)) return "URL scheme must be 'http' or 'https'";
  if (!/^https?:\/\/[^/?#]/i.test(text)) return 'host is missing in URL';
  return URL.canParse(text) ? undefined : `${JSON.stringify(text)} is not a valid URL`;
}
