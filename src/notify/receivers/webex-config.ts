import { z } from 'zod';
import { httpConfigSchema } from '../../core/http-config.ts';
import type { HttpClientConfig } from '../../core/http-config.ts';
import { requiredIn, urlSchema } from '../config-fields.ts';
import type { GlobalFields } from '../global-config.ts';

/** A Webex integration, ready to be built; texts are templates. */
export interface WebexConfig {
  /** The bot's token is its `authorization`. */
  readonly http: HttpClientConfig;
  readonly apiUrl: string;
  readonly roomId: string;
  readonly message: string;
}

/** Items of `webex_configs`. */
export const webexSchema = z
  .strictObject({
    send_resolved: z.boolean().default(true),
    http_config: httpConfigSchema.optional(),
    api_url: urlSchema.optional(),
    room_id: requiredIn('room_id', 'webex_config'),
    message: z.string().default('{{ template "webex.default.message" . }}'),
  })
  .transform((fields, context) => {
    const http = fields.http_config;
    // The token of a bot is for its room, so the global block's does not do.
    if (http?.authorization !== undefined) return { ...fields, http_config: http };
    const message = 'missing webex_configs.http_config.authorization';
    context.addIssue({ code: 'custom', message });
    return z.NEVER;
  });

/** The integration with what it takes from `global`. */
export function webexOf(fields: z.output<typeof webexSchema>, global: GlobalFields): WebexConfig {
  return {
    http: fields.http_config,
    apiUrl: fields.api_url ?? global.webex_api_url,
    roomId: fields.room_id,
    message: fields.message,
  };
}
