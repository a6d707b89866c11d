import { z } from 'zod';
import { tlsConfigOf } from '../../core/http-config.ts';
import type { TlsConfig } from '../../core/http-config.ts';
import { filePathSchema, secretSchema } from '../../core/schema.ts';
import type { Secret } from '../../core/secret.ts';
import { hostPortSchema, mailTlsSchema, requiredIn, sourceOf } from '../config-fields.ts';
import type { HostPort } from '../config-fields.ts';
import type { GlobalFields } from '../global-config.ts';
import type { SecretSource } from '../secret-source.ts';

/** Port that means TLS from the first byte. */
const SMTPS_PORT = 465;

/** An email integration, ready to be built; texts are templates. */
export interface EmailConfig {
  readonly to: string;
  readonly from: string;
  readonly hello: string;
  readonly smarthost: HostPort;
  readonly authUsername: string;
  readonly authPassword: SecretSource | undefined;
  readonly authSecret: SecretSource | undefined;
  readonly authIdentity: string;
  /** By canonical name (`Subject`). */
  readonly headers: Readonly<Record<string, string>>;
  readonly html: string;
  readonly text: string;
  readonly requireTls: boolean;
  readonly tls: TlsConfig;
  readonly implicitTls: boolean;
  /** undefined = no threading; else one thread a group, or one a group and day. */
  readonly threadBy: 'none' | 'daily' | undefined;
}

const threadingSchema = z.strictObject({
  enabled: z.boolean().default(false),
  thread_by_date: z.string().default(''),
});

/** `subject` → `Subject`, as Go's textproto.CanonicalMIMEHeaderKey does for header names. */
function canonicalHeader(name: string): string {
  if (!/^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/.test(name)) return name;
  return name
    .split('-')
    .map((part) => part.slice(0, 1).toUpperCase() + part.slice(1).toLowerCase())
    .join('-');
}

const headersSchema = z.record(z.string(), z.string()).transform((headers, context) => {
  const canonical: Record<string, string> = {};
  for (const [name, value] of Object.entries(headers)) {
    const key = canonicalHeader(name);
    if (Object.hasOwn(canonical, key)) {
      const message = `duplicate header ${JSON.stringify(key)} in email config`;
      context.addIssue({ code: 'custom', path: [name], message });
    }
    canonical[key] = value;
  }
  return canonical;
});

/** Items of `email_configs`. */
export const emailSchema = z
  .strictObject({
    send_resolved: z.boolean().default(false),
    to: requiredIn('to address', 'email config'),
    from: z.string().default(''),
    hello: z.string().default(''),
    smarthost: hostPortSchema.optional(),
    auth_username: z.string().default(''),
    auth_password: secretSchema.optional(),
    auth_password_file: filePathSchema.optional(),
    auth_secret: secretSchema.optional(),
    auth_secret_file: filePathSchema.optional(),
    auth_identity: z.string().default(''),
    headers: headersSchema.default({}),
    html: z.string().default('{{ template "email.default.html" . }}'),
    text: z.string().default(''),
    require_tls: z.boolean().optional(),
    tls_config: mailTlsSchema.optional(),
    force_implicit_tls: z.boolean().optional(),
    threading: threadingSchema.prefault({}),
  })
  .superRefine(({ threading, headers }, context) => {
    if (!threading.enabled) return;
    for (const name of ['References', 'In-Reply-To']) {
      if (!Object.hasOwn(headers, name)) continue;
      const message = `conflicting configuration: threading.enabled conflicts with custom ${name} header`;
      context.addIssue({ code: 'custom', path: ['headers'], message });
    }
    if (threading.thread_by_date === 'none' || threading.thread_by_date === 'daily') return;
    const message = "threading.thread_by_date must be either 'none' or 'daily'";
    context.addIssue({ code: 'custom', path: ['threading'], message });
  });

/** The integration with what it takes from `global`, or what is missing. */
export function emailOf(fields: z.output<typeof emailSchema>, global: GlobalFields): EmailConfig | string {
  const smarthost: HostPort | undefined = fields.smarthost ?? global.smtp_smarthost;
  if (smarthost === undefined) return 'no global SMTP smarthost set';
  const from = fields.from || global.smtp_from;
  if (from === '') return 'no global SMTP from set';
  const { threading } = fields;
  const implicitTls = fields.force_implicit_tls ?? global.smtp_force_implicit_tls;
  const tls: TlsConfig = fields.tls_config ?? global.smtp_tls_config ?? tlsConfigOf(undefined);
  const secret = (own: Secret | undefined, ownFile: string | undefined, key: 'password' | 'secret') =>
    sourceOf(own, ownFile) ?? sourceOf(global[`smtp_auth_${key}`], global[`smtp_auth_${key}_file`]);
  return {
    to: fields.to,
    from,
    hello: fields.hello || global.smtp_hello,
    smarthost,
    authUsername: fields.auth_username || global.smtp_auth_username,
    authPassword: secret(fields.auth_password, fields.auth_password_file, 'password'),
    authSecret: secret(fields.auth_secret, fields.auth_secret_file, 'secret'),
    authIdentity: fields.auth_identity || global.smtp_auth_identity,
    headers: fields.headers,
    html: fields.html,
    text: fields.text,
    requireTls: fields.require_tls ?? global.smtp_require_tls,
    tls,
    implicitTls: implicitTls ?? smarthost.port === SMTPS_PORT,
    threadBy: threading.enabled ? (threading.thread_by_date === 'none' ? 'none' : 'daily') : undefined,
  };
}
