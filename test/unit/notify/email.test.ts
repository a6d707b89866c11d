import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { SMTPServer } from 'smtp-server';
import type { SMTPServerOptions } from 'smtp-server';
import { afterEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { TocsinError } from '../../../src/core/errors.ts';
import { Labels } from '../../../src/core/labels.ts';
import { SeededRandom } from '../../../src/core/seeded-random.ts';
import { SmtpMailer } from '../../../src/core/system/smtp-mailer.ts';
import { SystemClock } from '../../../src/core/system/system-clock.ts';
import { MemoryFileSystem } from '../../../src/core/testing/memory-file-system.ts';
import { requireYaml } from '../../../src/core/validate-yaml.ts';
import { parseYaml } from '../../../src/core/yaml.ts';
import {
  NotificationTemplates,
  buildIntegrations,
  notifyConfigOf,
  notifyShape,
} from '../../../src/notify/index.ts';
import type { Notification, Receiver, SendOutcome } from '../../../src/notify/index.ts';
import { RecordingLogger, START_MS, alertOf, notificationOf } from './helpers.ts';

interface Mail {
  readonly from: string;
  readonly to: readonly string[];
  readonly text: string;
  readonly user: string;
  readonly secure: boolean;
  readonly hello: string;
}

/** A real SMTP server that keeps what it gets. */
class MailBox {
  readonly mails: Mail[] = [];
  readonly #server: SMTPServer;

  constructor(options: SMTPServerOptions) {
    this.#server = new SMTPServer({
      authOptional: true,
      logger: false,
      closeTimeout: 100,
      onAuth: (auth, _session, done) => {
        if (auth.method === 'CRAM-MD5' ? auth.validatePassword?.('s3cret') : auth.password === 'pa55') {
          done(null, { user: `${auth.method}:${auth.username ?? ''}` });
        } else done(new Error('bad credentials'));
      },
      onData: (stream, session, done) => {
        const chunks: Buffer[] = [];
        stream.on('data', (chunk: Buffer) => chunks.push(chunk));
        stream.on('end', () => {
          const from = session.envelope.mailFrom;
          this.mails.push({
            from: from === false ? '' : from.address,
            to: session.envelope.rcptTo.map(({ address }) => address),
            text: Buffer.concat(chunks).toString('utf8'),
            user: typeof session.user === 'string' ? session.user : '',
            secure: session.secure,
            hello: session.hostNameAppearsAs,
          });
          done(null);
        });
      },
      ...options,
    });
    this.#server.on('error', () => undefined);
  }

  async start(): Promise<this> {
    await new Promise<void>((resolve) => {
      this.#server.listen(0, '127.0.0.1', resolve);
    });
    return this;
  }

  get port(): number {
    return (this.#server.server.address() as AddressInfo).port;
  }

  stop(): Promise<void> {
    return new Promise((resolve) => {
      this.#server.close(() => {
        resolve();
      });
    });
  }
}

const files = new MemoryFileSystem();
const logger = new RecordingLogger();
const fixture = (name: string): string =>
  readFileSync(new URL(`../../fixtures/tls/${name}`, import.meta.url), 'utf8');
const tls = { key: fixture('localhost-key.pem'), cert: fixture('localhost-cert.pem') };
const boxes: MailBox[] = [];

files.put('/tls/ca.pem', tls.cert);

afterEach(async () => {
  logger.lines.length = 0;
  await Promise.all(boxes.splice(0).map((box) => box.stop()));
});

async function mailBox(options: SMTPServerOptions = {}): Promise<MailBox> {
  const box = await new MailBox({ ...tls, ...options }).start();
  boxes.push(box);
  return box;
}

function receiverOf(box: Pick<MailBox, 'port'>, fields: string, global = ''): Receiver {
  const yaml = `
global: {smtp_smarthost: "127.0.0.1:${box.port}", smtp_from: 'tocsin <alerts@tocsin.example>'${global === '' ? '' : `, ${global}`}}
receivers: [{name: team, email_configs: [{to: 'a@example.org, B <b@example.org>', ${fields.includes('tls_config') ? '' : 'tls_config: {ca_file: /tls/ca.pem}, '}${fields}}]}]`;
  const read = notifyConfigOf(requireYaml(parseYaml(yaml, 'test.yml'), z.strictObject(notifyShape)));
  expect(read.problems).toEqual([]);
  const templates = new NotificationTemplates([], 'http://tocsin.example');
  const [integration] = buildIntegrations(read.config.receivers, new Set(['team']), templates, {
    http: { request: () => Promise.reject(new Error('no http')), close: async () => undefined },
    mailer: new SmtpMailer(),
    files,
    console: { write: () => undefined },
    clock: new SystemClock(),
    random: new SeededRandom(1),
    logger,
    environment: {},
    programs: { run: () => Promise.reject(new Error('no programs')) },
  });
  return integration!.receiver;
}

const ALERT = alertOf(
  { alertname: 'Drift', model: 'm1' },
  { annotations: Labels.fromObject({ summary: 'PSI 0.31 <b>&' }) },
);

function send(
  receiver: Receiver,
  notification: Notification = notificationOf([ALERT]),
): Promise<SendOutcome> {
  return receiver.send(notification, AbortSignal.timeout(10_000));
}

function headerOf(mail: Mail, name: string): string | undefined {
  const head = mail.text.split('\r\n\r\n')[0]!.replaceAll(/\r\n[ \t]+/g, ' ');
  const line = head.split('\r\n').find((item) => item.toLowerCase().startsWith(`${name.toLowerCase()}:`));
  return line?.slice(name.length + 1).trim();
}

describe('email', () => {
  it('goes out over STARTTLS with headers, text and HTML', async () => {
    const box = await mailBox();
    expect(
      await send(
        receiverOf(
          box,
          'text: "{{ .Status }} ü", headers: {x-team: "{{ .Receiver }}", subject: "Größe {{ .Status }}"}',
        ),
      ),
    ).toEqual({ kind: 'sent' });
    const [mail] = box.mails;
    expect(mail).toMatchObject({
      from: 'alerts@tocsin.example',
      to: ['a@example.org', 'b@example.org'],
      secure: true,
      hello: 'localhost',
      user: '',
    });
    expect(headerOf(mail!, 'From')).toBe('tocsin <alerts@tocsin.example>');
    expect(headerOf(mail!, 'To')).toBe('a@example.org, B <b@example.org>');
    expect(headerOf(mail!, 'Subject')).toMatch(/^=\?UTF-8\?Q\?Gr/i);
    expect(headerOf(mail!, 'X-Team')).toBe('team');
    expect(headerOf(mail!, 'Date')).toBe('Mon, 23 Nov 2026 12:00:00 +0000');
    expect(headerOf(mail!, 'Message-Id')).toBe(
      `<11111111-2222-4333-8444-555555555555.${START_MS}@tocsin.example>`,
    );
    expect(headerOf(mail!, 'Content-Type')).toContain('multipart/alternative');
    const parts = mail!.text.indexOf('text/plain');
    expect(parts).toBeGreaterThan(0);
    expect(mail!.text.indexOf('text/html')).toBeGreaterThan(parts);
    expect(mail!.text).toContain('firing =C3=BC');
    expect(mail!.text.replaceAll('=\r\n', '')).toContain('PSI 0.31 &lt;b&gt;&amp;');
  });

  it('has the default subject, and is the same for the same notification', async () => {
    const box = await mailBox();
    const receiver = receiverOf(box, '');
    await send(receiver);
    await send(receiver);
    expect(headerOf(box.mails[0]!, 'Subject')).toBe('[FIRING:1] m1 (Drift)');
    expect(box.mails[0]!.text).toBe(box.mails[1]!.text);
  });

  it('a group keeps to one thread a day', async () => {
    const box = await mailBox();
    const receiver = receiverOf(box, 'threading: {enabled: true, thread_by_date: daily}');
    await send(receiver);
    await send(receiver, notificationOf([ALERT], { nowMs: START_MS + 3_600_000 }));
    await send(receiver, notificationOf([ALERT], { nowMs: START_MS + 86_400_000 }));
    const ids = box.mails.map((mail) => headerOf(mail, 'References'));
    expect(ids[0]).toMatch(/^<alert-[0-9a-f]{16}-2026-11-23@alertmanager>$/);
    expect(ids[1]).toBe(ids[0]);
    expect(ids[2]).toBe(ids[0]!.replace('-23@', '-24@'));
    expect(box.mails.map((mail) => headerOf(mail, 'In-Reply-To'))).toEqual(ids);
  });

  it('headers cannot be smuggled in through a label', async () => {
    const box = await mailBox();
    const nasty = alertOf({ alertname: 'x\r\nBcc: c@example.org', model: 'm1' });
    await send(
      receiverOf(box, 'headers: {X-Name: "{{ .CommonLabels.alertname }}"}'),
      notificationOf([nasty]),
    );
    expect(headerOf(box.mails[0]!, 'X-Name')).toBe('x Bcc: c@example.org');
    expect(headerOf(box.mails[0]!, 'Bcc')).toBeUndefined();
  });

  it.each([
    ['PLAIN', ['PLAIN', 'LOGIN'], 'auth_password: pa55', 'PLAIN:me'],
    ['LOGIN', ['LOGIN'], 'auth_password: pa55', 'LOGIN:me'],
    ['CRAM-MD5', ['CRAM-MD5'], 'auth_secret: s3cret', 'CRAM-MD5:me'],
    ['CRAM-MD5 with both', ['CRAM-MD5'], 'auth_secret: s3cret, auth_password: other', 'CRAM-MD5:me'],
    ['PLAIN as somebody', ['PLAIN'], 'auth_password: pa55, auth_identity: boss', 'PLAIN:me'],
  ])('authenticates by %s', async (_, authMethods, fields, user) => {
    const box = await mailBox({ authMethods, authOptional: false });
    expect(await send(receiverOf(box, `auth_username: me, ${fields}`))).toEqual({ kind: 'sent' });
    expect(box.mails[0]!.user).toBe(user);
  });

  it('takes the password from a file and from the globals', async () => {
    const box = await mailBox({ authOptional: false });
    files.put('/secrets/smtp', 'pa55\n');
    const global = 'smtp_auth_username: me, smtp_auth_password_file: /secrets/smtp';
    expect(await send(receiverOf(box, '', global))).toEqual({ kind: 'sent' });
  });

  it('a wrong password is an authError and does not show', async () => {
    const box = await mailBox();
    const outcome = await send(receiverOf(box, 'auth_username: me, auth_password: wr0ng'));
    expect(outcome).toMatchObject({ kind: 'reject', reason: 'authError' });
    expect(JSON.stringify(outcome) + logger.lines.join()).not.toContain('wr0ng');
  });

  it('requires STARTTLS unless told otherwise', async () => {
    const box = await mailBox({ disabledCommands: ['STARTTLS'] });
    expect(await send(receiverOf(box, ''))).toMatchObject({ kind: 'reject' });
    expect(await send(receiverOf(box, 'require_tls: false'))).toEqual({ kind: 'sent' });
    expect(box.mails.map(({ secure }) => secure)).toEqual([false]);
  });

  it('does not trust a certificate that nobody vouches for', async () => {
    const box = await mailBox();
    const outcome = await send(receiverOf(box, 'tls_config: {}'));
    expect(outcome.kind).not.toBe('sent');
    expect(box.mails).toEqual([]);
    expect(await send(receiverOf(box, 'tls_config: {insecure_skip_verify: true}'))).toEqual({ kind: 'sent' });
  });

  it('speaks implicit TLS when forced', async () => {
    const box = await mailBox({ secure: true });
    expect(await send(receiverOf(box, 'force_implicit_tls: true'))).toEqual({ kind: 'sent' });
    expect(box.mails[0]!.secure).toBe(true);
  });

  it('a temporary reply is tried again, a permanent one is final', async () => {
    const codes = [451, 550];
    const box = await mailBox({
      onMailFrom: (_, __, done) => {
        const responseCode = codes.shift();
        done(responseCode === undefined ? null : Object.assign(new Error('no'), { responseCode }));
      },
    });
    const receiver = receiverOf(box, '');
    expect(await send(receiver)).toMatchObject({ kind: 'retry', unknown: false });
    expect(await send(receiver)).toMatchObject({ kind: 'reject', reason: 'clientError' });
    expect(await send(receiver)).toEqual({ kind: 'sent' });
  });

  it('one refused recipient does not keep the mail from the others', async () => {
    const box = await mailBox({
      onRcptTo: ({ address }, _, done) => {
        done(
          address.startsWith('a@') ? Object.assign(new Error('no such user'), { responseCode: 550 }) : null,
        );
      },
    });
    expect(await send(receiverOf(box, ''))).toEqual({ kind: 'sent' });
    expect(box.mails.map(({ to }) => to)).toEqual([['b@example.org']]);
    expect(logger.lines.join('\n')).toContain('a@example.org');
  });

  it('one who cannot take it yet is tried again alone', async () => {
    let busy = true;
    const box = await mailBox({
      onRcptTo: ({ address }, _, done) => {
        const refuse = busy && address.startsWith('a@');
        done(refuse ? Object.assign(new Error('greylisted'), { responseCode: 450 }) : null);
      },
    });
    const receiver = receiverOf(box, '');
    expect(await send(receiver)).toMatchObject({ kind: 'retry' });
    busy = false;
    expect(await send(receiver)).toEqual({ kind: 'sent' });
    expect(box.mails.map(({ to }) => to)).toEqual([['b@example.org'], ['a@example.org']]);
  });

  it('an unreachable server is tried again; nothing can have arrived', async () => {
    const outcome = await send(receiverOf({ port: 1 }, ''));
    expect(outcome).toMatchObject({ kind: 'retry', reason: 'other', unknown: false });
  });

  it('a server that says nothing is left when the signal fires', async () => {
    const silent = createServer(() => undefined);
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    const { port } = silent.address() as AddressInfo;
    const receiver = receiverOf({ port }, '');
    const controller = new AbortController();
    const work = receiver.send(notificationOf([ALERT]), controller.signal);
    controller.abort(new TocsinError('TOCSIN_ERR_TIMEOUT', 'no answer within 1s'));
    expect(await work).toMatchObject({ kind: 'retry', reason: 'contextDeadlineExceeded', unknown: true });
    await new Promise<void>((resolve) => silent.close(() => resolve()));
  });

  it.each([
    ['no address at all', 'from: "{{ .Status }}"'],
    ['two senders', 'from: "a@example.org, b@example.org"'],
  ])('%s is final', async (_, fields) => {
    const box = await mailBox();
    expect(await send(receiverOf(box, fields))).toMatchObject({ kind: 'reject', reason: 'other' });
    expect(box.mails).toEqual([]);
  });
});
