import { z } from 'zod';
import { parseGoDuration } from '../core/duration.ts';
import { tlsConfigOf, tlsConfigSchema, tlsProblems } from '../core/http-config.ts';
import { secretSchema } from '../core/schema.ts';
import type { Secret } from '../core/secret.ts';
import type { SecretSource } from './secret-source.ts';

/** What the schemas of `global` and of the receivers are built of. */

/** `host:port` of a mail server. */
export interface HostPort {
  readonly host: string;
  readonly port: number;
}

/** A Go duration (`1m30s`, `500ms`; no `d`), in milliseconds. */
export const goDurationSchema = z.union([z.string(), z.literal(0)]).transform((text, context) => {
  const durationMs = parseGoDuration(String(text));
  if (durationMs !== undefined && durationMs >= 0) return durationMs;
  context.addIssue({ code: 'custom', message: `not a valid duration: ${JSON.stringify(text)}` });
  return z.NEVER;
});

/** An http or https URL. */
export const urlSchema = z.string().superRefine((text, context) => {
  const problem = urlProblem(text);
  if (problem !== undefined) context.addIssue({ code: 'custom', message: problem });
});

/** An http or https URL that is a secret: messages don't show it. */
export const secretUrlSchema = secretSchema.superRefine((secret, context) => {
  const problem = urlProblem(secret.reveal());
  if (problem !== undefined) context.addIssue({ code: 'custom', message: problem });
});

/** A secret URL that may be a template; what holds no template is checked as it stands. */
export const secretTemplateUrlSchema = secretSchema.superRefine((secret, context) => {
  const text = secret.reveal();
  const problem = text === '' || hasTemplate(text) ? undefined : urlProblem(text);
  if (problem !== undefined) context.addIssue({ code: 'custom', message: problem });
});

function urlProblem(text: string): string | undefined {
  const url = URL.parse(text);
  if (url === null) return 'not a valid URL';
  if (url.protocol !== 'http:' && url.protocol !== 'https:') {
    return `unsupported scheme ${JSON.stringify(url.protocol.slice(0, -1))} for URL`;
  }
  return url.host === '' ? 'missing host for URL' : undefined;
}

/** `host:port`, IPv6 hosts in brackets; '' is absent. Ports by number. */
export const hostPortSchema = z.string().transform((text, context): HostPort | undefined => {
  if (text === '') return undefined;
  const match = /^(?:\[([^\]]*)\]|([^:[\]]*)):(.*)$/.exec(text);
  const port = Number(match?.[3]);
  if (match !== null && match[3] !== '' && Number.isInteger(port) && port > 0 && port < 65_536) {
    return { host: match[1] ?? match[2] ?? '', port };
  }
  const shown = JSON.stringify(text);
  const message =
    match?.[3] === '' ? `address ${shown}: port cannot be empty` : `address ${shown}: write host:port`;
  context.addIssue({ code: 'custom', message });
  return z.NEVER;
});

/** Says that two keys exclude each other; the message is Alertmanager's. */
export function atMostOne(
  context: z.RefinementCtx,
  a: readonly [name: string, value: Secret | string | undefined],
  b: readonly [name: string, value: Secret | string | undefined],
): void {
  if (!isGiven(a[1]) || !isGiven(b[1])) return;
  const message = `at most one of ${a[0]} & ${b[0]} must be configured`;
  context.addIssue({ code: 'custom', path: [b[0]], message });
}

/** Whether a text or secret is there and not empty. */
export function isGiven(value: Secret | string | undefined): boolean {
  return value !== undefined && (typeof value === 'string' ? value : value.reveal()) !== '';
}

/** The one of value and file that is given; undefined when neither is. */
export function sourceOf(value: Secret | undefined, file: string | undefined): SecretSource | undefined {
  if (value !== undefined && isGiven(value)) return { value };
  return file !== undefined && file !== '' ? { file } : undefined;
}

/** A text that must not be empty; the message is Alertmanager's. */
export function requiredIn(what: string, where: string): z.ZodString {
  return z.string().refine((text) => text !== '', `missing ${what} in ${where}`);
}

/** `smtp_tls_config` and an email's `tls_config`. */
export const mailTlsSchema = tlsConfigSchema
  .superRefine((fields, context) => {
    for (const { path, message } of tlsProblems(fields, []))
      context.addIssue({ code: 'custom', path, message });
  })
  .transform(tlsConfigOf);

/** A text that is a template; by default the built-in template of that name. */
export function templateSchema(name: string): z.ZodDefault<z.ZodString> {
  return z.string().default(`{{ template "${name}" . }}`);
}

/** Whether Go would see a template in a text. */
export function hasTemplate(text: string): boolean {
  return text.includes('{{');
}
