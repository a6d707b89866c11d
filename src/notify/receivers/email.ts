import addressParser from 'nodemailer/lib/addressparser';
import MailComposer from 'nodemailer/lib/mail-composer';
import type { Clock } from '../../core/clock.ts';
import { TocsinError, errorText } from '../../core/errors.ts';
import type { TlsConfig } from '../../core/http-config.ts';
import type { Logger } from '../../core/log.ts';
import type { MailOutcome, MailServer, Mailer } from '../../core/mailer.ts';
import type { FileSystem } from '../../core/ports.ts';
import { redact } from '../http.ts';
import { groupKeyHash } from '../notification.ts';
import type { FailureReason, Notification, Receiver, SendOutcome } from '../notification.ts';
import { readSecret } from '../secret-source.ts';
import type { SecretSource } from '../secret-source.ts';
import type { NotificationTemplates, Rendering } from '../templates.ts';
import { emailOf, emailSchema } from './email-config.ts';
import type { EmailConfig } from './email-config.ts';
import { templateOutcome } from './http-receiver.ts';
import { receiverKind } from './receiver-kind.ts';

/** What the email receiver works with. */
interface EmailPorts {
  readonly mailer: Mailer;
  readonly files: FileSystem;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly templates: NotificationTemplates;
}

/** A message before it is put into MIME. */
interface Draft {
  readonly from: string;
  readonly to: readonly string[];
  readonly headers: Readonly<Record<string, string>>;
  readonly text: string;
  readonly html: string;
}

/** Why a notification can't become a message at all. */
class DraftFailure extends Error {}

/**
 * Sends each notification as one mail: multipart/alternative with text and HTML, Alertmanager's headers and threading.
 *
 * Unlike Alertmanager a permanent refusal (SMTP 5xx) is not tried again for this notification, and one refused address
 * does not keep the mail from the others: those who can't take it yet (4xx) are tried again alone.
 *
 * @see prometheus/alertmanager notify/email/email.go
 */
class EmailReceiver implements Receiver {
  readonly #config: EmailConfig;
  readonly #ports: EmailPorts;
  /** Recipients that are still to be told, by notification; only where some have been. */
  readonly #remaining = new Map<string, readonly string[]>();

  constructor(config: EmailConfig, ports: EmailPorts) {
    this.#config = config;
    this.#ports = ports;
  }

  async send(notification: Notification, signal: AbortSignal): Promise<SendOutcome> {
    let draft: Draft;
    let server: MailServer;
    let secrets: readonly string[] = [];
    try {
      draft = this.#draft(this.#ports.templates.rendering(notification), notification);
    } catch (error) {
      if (error instanceof DraftFailure) return { kind: 'reject', reason: 'other', message: error.message };
      return templateOutcome('email template', error, secrets);
    }
    try {
      server = await this.#server();
      secrets = [server.auth?.password ?? '', server.auth?.secret ?? ''];
    } catch (error) {
      if (!(error instanceof TocsinError)) throw error;
      return { kind: 'retry', reason: 'other', message: errorText(error) };
    }
    const to = this.#remaining.get(notification.id) ?? draft.to;
    const raw = await this.#ports.clock.track(compose(draft, notification.id));
    let outcome: MailOutcome;
    try {
      outcome = await this.#ports.mailer.send(server, { from: draft.from, to, raw }, signal);
    } catch (error) {
      if (!(error instanceof TocsinError)) throw error;
      const reason = error.code === 'TOCSIN_ERR_TIMEOUT' ? 'contextDeadlineExceeded' : 'contextCanceled';
      return { kind: 'retry', reason, message: errorText(error), unknown: true };
    }
    return this.#judge(outcome, notification, secrets);
  }

  #judge(outcome: MailOutcome, notification: Notification, secrets: readonly string[]): SendOutcome {
    if (outcome.kind === 'failed') {
      const failed = classifyMailFailure(outcome);
      return failed.kind === 'sent' ? failed : { ...failed, message: redact(failed.message, secrets) };
    }
    const { logger } = this.#ports;
    const { receiver } = notification.key;
    const later = outcome.refused.filter(({ code }) => code >= 400 && code < 500);
    for (const { address, message } of outcome.refused) {
      logger.warn(
        { receiver, address, err: redact(message, secrets) },
        'The mail server refused a recipient',
      );
    }
    if (later.length === 0) {
      this.#remaining.delete(notification.id);
      return { kind: 'sent' };
    }
    this.#remaining.set(
      notification.id,
      later.map(({ address }) => address),
    );
    const message = redact(`${later.length} recipients not accepted yet: ${later[0]!.message}`, secrets);
    return { kind: 'retry', reason: 'other', message };
  }

  async #server(): Promise<MailServer> {
    const { smarthost, implicitTls, requireTls, hello, authUsername, authIdentity } = this.#config;
    const read = async (source: SecretSource | undefined): Promise<string> =>
      source === undefined ? '' : readSecret(source, this.#ports.files);
    const auth =
      authUsername === ''
        ? undefined
        : {
            username: authUsername,
            password: await read(this.#config.authPassword),
            secret: await read(this.#config.authSecret),
            identity: authIdentity,
          };
    const tls = await readTls(this.#config.tls, this.#ports.files);
    return {
      host: smarthost.host === '' ? 'localhost' : smarthost.host,
      port: smarthost.port,
      implicitTls,
      requireTls,
      hello,
      tls,
      ...(auth === undefined ? {} : { auth }),
    };
  }

  #draft(rendering: Rendering, notification: Notification): Draft {
    const config = this.#config;
    const from = addresses(rendering.text(config.from), 'from');
    if (from.length !== 1) {
      throw new DraftFailure(`must be exactly one 'from' address (got: ${from.length})`);
    }
    const to = addresses(rendering.text(config.to), 'to');
    const templates = {
      Subject: '{{ template "email.default.subject" . }}',
      To: config.to,
      From: config.from,
      ...config.headers,
    };
    const headers: Record<string, string> = {};
    for (const [name, template] of Object.entries(templates)) {
      // A line break would begin a header of its own.
      headers[name] = rendering.text(template).replaceAll(/\s*[\r\n]+\s*/g, ' ');
    }
    headers['Message-Id'] ??= `<${notification.id}.${notification.nowMs}@${hostOf(from[0]!)}>`;
    headers['Date'] ??= new Date(notification.nowMs).toUTCString().replace('GMT', '+0000');
    if (config.threadBy !== undefined) {
      const root = threadRoot(notification, config.threadBy);
      headers['References'] = root;
      headers['In-Reply-To'] = root;
    }
    return {
      from: from[0]!,
      to,
      headers,
      text: rendering.text(config.text),
      html: rendering.html(config.html),
    };
  }
}

/** `email_configs`. */
export const emailKind = receiverKind({
  kind: 'email',
  schema: emailSchema,
  complete: emailOf,
  createReceiver: (config, { mailer, files, clock, logger, templates }) =>
    new EmailReceiver(config, { mailer, files, clock, logger, templates }),
});

/** A message id that no mail has: mail programs put everything that refers to it into one thread. */
function threadRoot(notification: Notification, threadBy: 'none' | 'daily'): string {
  const hash = groupKeyHash(notification).slice(0, 16);
  const day = threadBy === 'daily' ? new Date(notification.nowMs).toISOString().slice(0, 10) : '';
  return `<alert-${hash}-${day}@alertmanager>`;
}

function addresses(text: string, what: string): string[] {
  const parsed = addressParser(text, { flatten: true }).map(({ address }) => address);
  const broken = parsed.find((address) => !/^[^@\s]+@[^@\s]+$/.test(address));
  if (parsed.length > 0 && broken === undefined) return parsed;
  throw new DraftFailure(
    `parse '${what}' addresses: ${JSON.stringify(text)} is not a list of mail addresses`,
  );
}

function hostOf(address: string): string {
  return address.slice(address.lastIndexOf('@') + 1);
}

/** MIME by nodemailer, from texts alone: no files, no URLs, nothing random. */
async function compose(draft: Draft, id: string): Promise<Uint8Array> {
  const { Subject, To, From, 'Message-Id': messageId, Date: date, ...others } = draft.headers;
  const composer = new MailComposer({
    from: From,
    to: To,
    subject: Subject,
    messageId,
    date,
    headers: others,
    ...(draft.text === '' ? {} : { text: draft.text }),
    ...(draft.html === '' ? {} : { html: draft.html }),
    ...(draft.text === '' && draft.html === '' ? { text: '' } : {}),
    textEncoding: 'quoted-printable',
    baseBoundary: id.replaceAll('-', ''),
    disableFileAccess: true,
    disableUrlAccess: true,
    newline: 'windows',
  });
  return composer.compile().build();
}

/** What a failed conversation means: permanent replies and wrong set-ups are final, everything else is tried again. */
function classifyMailFailure({ phase, code, message }: MailOutcome & { kind: 'failed' }): SendOutcome {
  const permanent = code >= 500 && code < 600;
  const reason: FailureReason = phase === 'auth' ? 'authError' : permanent ? 'clientError' : 'other';
  const text = `${PHASE_TEXTS[phase]}: ${message}`;
  if (phase === 'setup' || permanent) return { kind: 'reject', reason, message: text };
  // Before the message itself is on its way nothing can have arrived; a 4xx reply says that it has not.
  return { kind: 'retry', reason, message: text, unknown: phase === 'message' && code === 0 };
}

const PHASE_TEXTS = {
  connect: 'establish connection to server',
  setup: 'set up SMTP session',
  auth: 'SMTP auth',
  envelope: 'send MAIL or RCPT command',
  message: 'delivery failure',
} as const;

async function readTls(tls: TlsConfig, files: FileSystem): Promise<NonNullable<MailServer['tls']>> {
  const read = async (inline: string | undefined, file: string | undefined): Promise<string | undefined> =>
    file ? new TextDecoder().decode(await files.readFile(file)) : inline;
  const ca = await read(tls.ca, tls.caFile);
  const cert = await read(tls.cert, tls.certFile);
  const key = await read(tls.key?.reveal(), tls.keyFile);
  return {
    ...(ca ? { ca } : {}),
    ...(cert ? { cert } : {}),
    ...(key ? { key } : {}),
    ...(tls.serverName ? { serverName: tls.serverName } : {}),
    insecureSkipVerify: tls.insecureSkipVerify,
    ...(tls.minVersion ? { minVersion: tls.minVersion } : {}),
    ...(tls.maxVersion ? { maxVersion: tls.maxVersion } : {}),
  };
}
