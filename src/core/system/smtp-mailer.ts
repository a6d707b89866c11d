import { createHmac } from 'node:crypto';
import { isIP } from 'node:net';
import SMTPConnection from 'nodemailer/lib/smtp-connection';
import type { SMTPConnectionOptions } from 'nodemailer/lib/smtp-connection';
import { errorText } from '../errors.ts';
import type { MailMessage, MailOutcome, MailServer, Mailer } from '../mailer.ts';

/** The library's own time limits can't be switched off, so they are put out of reach; the signal ends the work. */
const NEVER_MS = 2_147_483_647;

type Phase = (MailOutcome & { kind: 'failed' })['phase'];
type CustomAuth = NonNullable<SMTPConnectionOptions['customAuth']>;

/** Ends a conversation early with an outcome. */
class MailFailure extends Error {
  readonly phase: Phase;
  readonly code: number;

  constructor(phase: Phase, message: string, code = 0) {
    super(message);
    this.phase = phase;
    this.code = code;
  }
}

/** Mail over SMTP by nodemailer's connection: one connection a message, as Alertmanager does. */
export class SmtpMailer implements Mailer {
  async send(server: MailServer, message: MailMessage, signal: AbortSignal): Promise<MailOutcome> {
    signal.throwIfAborted();
    const connection = new SMTPConnection(connectionOptions(server));
    const broken = Promise.withResolvers<never>();
    broken.promise.catch(() => undefined);
    const onAbort = (): void => {
      broken.reject(signal.reason as Error);
    };
    signal.addEventListener('abort', onAbort, { once: true });
    let phase: Phase = 'connect';
    connection.on('error', (error: unknown) => {
      broken.reject(failure(phase, error));
    });
    connection.once('end', () => {
      broken.reject(new MailFailure(phase, 'the server closed the connection'));
    });
    const step = <T>(
      name: Phase,
      begin: (done: (error: unknown, result?: T) => void) => void,
    ): Promise<T> => {
      phase = name;
      const { promise, resolve, reject } = Promise.withResolvers<T>();
      begin((error, result) => {
        if (error === null || error === undefined) resolve(result as T);
        else reject(failure(name, error));
      });
      return Promise.race([promise, broken.promise]);
    };
    try {
      await step<void>('connect', (done) => {
        connection.connect(done);
      });
      await authenticate(server, connection, (begin) => step('auth', begin));
      const envelope = { from: message.from, to: [...message.to] };
      const info = await step<{ rejectedErrors?: readonly unknown[] | undefined }>('message', (done) => {
        connection.send(envelope, Buffer.from(message.raw), done);
      });
      connection.quit();
      return { kind: 'sent', refused: (info.rejectedErrors ?? []).map(refusal) };
    } catch (error) {
      connection.close();
      if (!(error instanceof MailFailure)) throw error;
      return { kind: 'failed', phase: error.phase, code: error.code, message: error.message };
    } finally {
      signal.removeEventListener('abort', onAbort);
    }
  }
}

function connectionOptions(server: MailServer): SMTPConnectionOptions {
  const { tls } = server;
  const serverName = tls?.serverName ?? server.host;
  const versions = { TLS10: 'TLSv1', TLS11: 'TLSv1.1', TLS12: 'TLSv1.2', TLS13: 'TLSv1.3' } as const;
  const version = (name: string | undefined): (typeof versions)[keyof typeof versions] | undefined =>
    versions[name as keyof typeof versions];
  const minVersion = version(tls?.minVersion) ?? 'TLSv1.2';
  const maxVersion = version(tls?.maxVersion);
  return {
    host: server.host,
    port: server.port,
    name: server.hello,
    secure: server.implicitTls,
    requireTLS: server.requireTls && !server.implicitTls,
    ignoreTLS: !server.requireTls,
    tls: {
      // An address is no server name; the certificate is then held against the address.
      ...(isIP(serverName) === 0 ? { servername: serverName } : {}),
      rejectUnauthorized: tls?.insecureSkipVerify !== true,
      minVersion,
      ...(maxVersion === undefined ? {} : { maxVersion }),
      ...(tls?.ca === undefined ? {} : { ca: tls.ca }),
      ...(tls?.cert === undefined ? {} : { cert: tls.cert }),
      ...(tls?.key === undefined ? {} : { key: tls.key }),
    },
    connectionTimeout: NEVER_MS,
    greetingTimeout: NEVER_MS,
    socketTimeout: NEVER_MS,
    dnsTimeout: NEVER_MS,
    allowInternalNetworkInterfaces: true,
    customAuth: customAuth(server),
  };
}

/** PLAIN with an authorization identity and CRAM-MD5 with a secret of its own, which the library does not have. */
function customAuth({ auth }: MailServer): CustomAuth {
  const handlers: CustomAuth = {};
  if (auth === undefined) return handlers;
  if (auth.identity !== '') {
    const text = `${auth.identity}\u0000${auth.username}\u0000${auth.password}`;
    handlers['PLAIN'] = async (context) => {
      const reply = await context.sendCommand(`AUTH PLAIN ${Buffer.from(text).toString('base64')}`);
      requirePositive(reply);
    };
  }
  if (auth.secret !== '') {
    handlers['CRAM-MD5'] = async (context) => {
      const challenge = await context.sendCommand('AUTH CRAM-MD5');
      if (challenge.status !== 334) requirePositive(challenge);
      const text = Buffer.from(challenge.text.trim(), 'base64');
      const digest = createHmac('md5', auth.secret).update(text).digest('hex');
      requirePositive(
        await context.sendCommand(Buffer.from(`${auth.username} ${digest}`).toString('base64')),
      );
    };
  }
  return handlers;
}

function requirePositive(reply: { readonly status: number; readonly response: string }): void {
  if (reply.status < 200 || reply.status >= 300) {
    throw Object.assign(new Error(`Invalid login: ${reply.response}`), { responseCode: reply.status });
  }
}

async function authenticate(
  { auth, host }: MailServer,
  connection: SMTPConnection,
  step: (begin: (done: (error: unknown, result?: boolean) => void) => void) => Promise<boolean>,
): Promise<void> {
  if (auth === undefined || !connection.allowsAuth) return;
  if (auth.password === '' && auth.secret === '') {
    throw new MailFailure('setup', 'a user name is configured but neither a password nor a secret');
  }
  const isLocal = ['localhost', '127.0.0.1', '::1'].includes(host);
  if (auth.password !== '' && !connection.secure && !isLocal) {
    throw new MailFailure('setup', 'the password is not sent over an unencrypted connection');
  }
  const credentials = { user: auth.username, pass: auth.password === '' ? auth.secret : auth.password };
  await step((done) => {
    connection.login(auth.password === '' ? { ...credentials, method: 'CRAM-MD5' } : credentials, done);
  });
}

interface SmtpError {
  readonly responseCode?: number;
  readonly code?: string;
  readonly command?: string;
  readonly recipient?: string;
}

function failure(phase: Phase, error: unknown): MailFailure {
  if (error instanceof MailFailure) return error;
  const { responseCode, code, command } = error as SmtpError;
  const noTls = code === 'ETLS' && phase === 'connect' && command === 'STARTTLS';
  const inEnvelope = code === 'EENVELOPE' || /^(MAIL|RCPT)/.test(command ?? '');
  const where = noTls ? 'setup' : inEnvelope ? 'envelope' : phase;
  return new MailFailure(where, errorText(error), responseCode ?? 0);
}

function refusal(error: unknown): { address: string; code: number; message: string } {
  const { recipient, responseCode } = error as SmtpError;
  return { address: recipient ?? '', code: responseCode ?? 0, message: errorText(error) };
}
