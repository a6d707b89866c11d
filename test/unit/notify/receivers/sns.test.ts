import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { AwsServer } from '../../discovery/aws/aws-server.ts';
import type { AwsCall } from '../../discovery/aws/aws-server.ts';
import type { ApiAnswer } from '../../discovery/provider-world.ts';
import { notificationOf } from '../helpers.ts';
import { FIRING, GROUP_HASH, RESOLVED, ReceiverBench, readNotifyConfig } from '../receiver-bench.ts';
import { BOTH_TEXT } from '../receiver-texts.ts';

let bench: ReceiverBench;
let aws: AwsServer;
beforeAll(async () => {
  bench = await ReceiverBench.start();
});
beforeEach(async () => {
  bench.reset();
  aws = new AwsServer();
  aws.answers['Publish'] = sns;
  await aws.start();
});
afterEach(() => aws.stop());
afterAll(() => bench.stop());

const TOPIC = 'arn:aws:sns:eu-central-1:1:alerts';
const SIGV4 = 'sigv4: {region: eu-central-1, access_key: AKID, secret_key: SECRET}';

function receiver(fields: string, global = ''): string {
  return `global: {${global}}\nreceivers: [{name: team, sns_configs: [{${fields}}]}]`;
}
const send = (fields: string, alerts = [FIRING], environment: Record<string, string> = {}) =>
  bench.send(receiver(fields.replaceAll('AWS', aws.url)), notificationOf(alerts), { environment });
const OWN = `api_url: AWS, ${SIGV4}, topic_arn: ${TOPIC}`;

/** How SNS says no. */
function refuse(status: number, code: string, message: string, headers = {}): ApiAnswer {
  const error = `<Error><Type>Sender</Type><Code>${code}</Code><Message>${message}</Message></Error>`;
  return { status, headers, body: `<ErrorResponse>${error}<RequestId>r</RequestId></ErrorResponse>` };
}

/** Publish: one destination, a subject on one line and short, a message of the size that the destination takes. */
function sns({ parameters }: AwsCall): string | ApiAnswer {
  const invalid = (what: string) => refuse(400, 'InvalidParameter', `Invalid parameter: ${what}`);
  const { Version, TopicArn, TargetArn, PhoneNumber, Message = '', Subject } = parameters;
  if (Version !== '2010-03-31') return refuse(400, 'NoSuchVersion', String(Version));
  if ([TopicArn, TargetArn, PhoneNumber].filter((each) => each !== undefined).length !== 1) {
    return invalid('one of TopicArn, TargetArn, PhoneNumber');
  }
  if (Message === '') return invalid('Empty message');
  if (Buffer.byteLength(Message) > (PhoneNumber === undefined ? 262_144 : 1600)) {
    return invalid('Message too long');
  }
  if (Subject !== undefined && !/^[^\p{Cc}\s][^\p{Cc}]{0,98}$/u.test(Subject)) return invalid('Subject');
  if (TopicArn?.endsWith('.fifo') !== 'MessageGroupId' in parameters && TopicArn !== undefined) {
    return invalid('MessageGroupId');
  }
  for (let i = 1; `MessageAttributes.entry.${i}.Name` in parameters; i++) {
    const at = `MessageAttributes.entry.${i}`;
    if (parameters[`${at}.Value.DataType`] !== 'String') return invalid('DataType');
    if ((parameters[`${at}.Value.StringValue`] ?? '') === '') return invalid('StringValue');
  }
  return '<PublishResponse><PublishResult><MessageId>m</MessageId></PublishResult></PublishResponse>';
}

describe('sns', () => {
  it('publishes the default subject and message to the topic, signed', async () => {
    expect(await send(OWN, [FIRING, RESOLVED])).toEqual({ kind: 'sent' });
    const [call] = aws.calls;
    expect(call).toMatchObject({ action: 'Publish', accessKey: 'AKID' });
    expect(call!.scope).toMatch(/^\d{8}\/eu-central-1\/sns\/aws4_request$/);
    expect(call!.parameters).toEqual({
      Version: '2010-03-31',
      TopicArn: TOPIC,
      Subject: '[FIRING:1] m1 (HighLatency page)',
      Message: BOTH_TEXT,
    });
    expect(aws.requests[0]!.headers['user-agent']).toBe('tocsin');
  });

  it('every text is a template, the address and the attributes among them', async () => {
    const fields = `api_url: '{{ "AWS" }}', ${SIGV4}, target_arn: 'arn:{{ .Status }}', subject: 's-{{ .Status }}',
      message: 'm-{{ .Status }}', attributes: {'k-{{ .Status }}': 'v-{{ .Status }}', severity: page}`;
    expect(await send(fields, [RESOLVED])).toEqual({ kind: 'sent' });
    expect(aws.calls[0]!.parameters).toEqual({
      Version: '2010-03-31',
      TargetArn: 'arn:resolved',
      Subject: 's-resolved',
      Message: 'm-resolved',
      'MessageAttributes.entry.1.Name': 'k-resolved',
      'MessageAttributes.entry.1.Value.DataType': 'String',
      'MessageAttributes.entry.1.Value.StringValue': 'v-resolved',
      'MessageAttributes.entry.2.Name': 'severity',
      'MessageAttributes.entry.2.Value.DataType': 'String',
      'MessageAttributes.entry.2.Value.StringValue': 'page',
    });
  });

  it('a FIFO topic gets the group’s hash as deduplication and group ID', async () => {
    expect(await send(OWN.replace(TOPIC, `'${TOPIC}{{ ".fifo" }}'`))).toEqual({ kind: 'sent' });
    expect(aws.calls[0]!.parameters).toMatchObject({
      TopicArn: `${TOPIC}.fifo`,
      MessageDeduplicationId: GROUP_HASH,
      MessageGroupId: GROUP_HASH,
    });
  });

  it('an SMS is cut to 1600 bytes between characters and says that it is cut', async () => {
    const message = `x${'é'.repeat(800)}`;
    expect(await send(`api_url: AWS, ${SIGV4}, phone_number: '+1', message: ${message}`)).toEqual({
      kind: 'sent',
    });
    expect(aws.calls[0]!.parameters).toMatchObject({
      PhoneNumber: '+1',
      Message: `x${'é'.repeat(799)}`,
      'MessageAttributes.entry.1.Name': 'truncated',
      'MessageAttributes.entry.1.Value.StringValue': 'true',
    });
  });

  it('a message is cut to 256 KiB, one that fits is not', async () => {
    expect(await send(`${OWN}, message: ${'a'.repeat(262_144)}`)).toEqual({ kind: 'sent' });
    expect(await send(`${OWN}, message: ${'a'.repeat(262_145)}`)).toEqual({ kind: 'sent' });
    expect(aws.calls.map(({ parameters }) => parameters['Message']!.length)).toEqual([262_144, 262_144]);
    expect(aws.calls.map(({ parameters }) => 'MessageAttributes.entry.1.Name' in parameters)).toEqual([
      false,
      true,
    ]);
  });

  it('a subject that SNS would refuse is made to fit', async () => {
    expect(await send(`${OWN}, subject: "two\\nlines\\t${'é'.repeat(200)}"`)).toEqual({ kind: 'sent' });
    expect(await send(`${OWN}, subject: '{{ if false }}x{{ end }}'`)).toEqual({ kind: 'sent' });
    expect(await send(`${OWN}, subject: ' kept at the end '`)).toEqual({ kind: 'sent' });
    expect(aws.calls[2]!.parameters['Subject']).toBe('kept at the end ');
    expect(aws.calls[0]!.parameters['Subject']).toBe(`two lines ${'é'.repeat(88)}…`);
    expect(aws.calls[1]!.parameters).not.toHaveProperty('Subject');
  });

  it('takes keys and region from the environment, the address too', async () => {
    const environment = {
      AWS_ACCESS_KEY_ID: 'AKID',
      AWS_SECRET_ACCESS_KEY: 'SECRET',
      AWS_SESSION_TOKEN: 'session',
      AWS_REGION: 'us-west-2',
      AWS_ENDPOINT_URL_SNS: aws.url,
    };
    expect(await send(`topic_arn: ${TOPIC}`, [FIRING], environment)).toEqual({ kind: 'sent' });
    expect(aws.calls[0]!.scope).toContain('/us-west-2/sns/');
    expect(aws.calls[0]!.sessionToken).toBe('session');
  });

  it('takes keys and region of the profile it names', async () => {
    bench.files.put(
      '/home/.aws/credentials',
      '[other]\naws_access_key_id = AKID\naws_secret_access_key = SECRET\n',
    );
    bench.files.put(
      '/home/.aws/config',
      '[profile other]\nregion = ap-south-1\n[default]\nregion = eu-west-1\n',
    );
    const fields = `api_url: AWS, sigv4: {profile: other}, topic_arn: ${TOPIC}`;
    expect(await send(fields, [FIRING], { HOME: '/home' })).toEqual({ kind: 'sent' });
    expect(aws.calls[0]!.scope).toContain('/ap-south-1/sns/');
  });

  it('assumes a role, not at the address of SNS', async () => {
    aws.secrets.set('ROLE', 'ROLE-SECRET');
    aws.answers['AssumeRole'] = () =>
      `<AssumeRoleResponse><AssumeRoleResult><Credentials><AccessKeyId>ROLE</AccessKeyId>
       <SecretAccessKey>ROLE-SECRET</SecretAccessKey><SessionToken>T</SessionToken>
       <Expiration>2999-01-01T00:00:00Z</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>`;
    const access =
      'sigv4: {region: r, access_key: AKID, secret_key: SECRET, role_arn: arn:role, external_id: x}';
    const fields = OWN.replace(SIGV4, access);
    expect(await send(fields, [FIRING], { AWS_ENDPOINT_URL_STS: aws.url })).toEqual({ kind: 'sent' });
    expect(aws.calls.map(({ action, accessKey }) => `${action} ${accessKey}`)).toEqual([
      'AssumeRole AKID',
      'Publish ROLE',
    ]);
    expect(aws.calls[0]!.parameters).toMatchObject({ RoleArn: 'arn:role', ExternalId: 'x' });
  });

  it.each([
    [400, 'InvalidParameter', 'reject', 'clientError'],
    [403, 'AuthorizationError', 'reject', 'authError'],
    [403, 'InvalidClientTokenId', 'reject', 'authError'],
    [404, 'NotFound', 'reject', 'clientError'],
    [400, 'Throttling', 'retry', 'rateLimited'],
    [429, 'ThrottledException', 'retry', 'rateLimited'],
    [403, 'ExpiredToken', 'retry', 'authError'],
    [500, 'InternalFailure', 'retry', 'serverError'],
    [503, 'ServiceUnavailable', 'retry', 'serverError'],
  ])('status %i %s: %s %s', async (status, code, kind, reason) => {
    aws.answers['Publish'] = () => refuse(status, code, 'why SECRET');
    const message = `unexpected status code ${status}: ${code}: why <secret>`;
    expect(await send(OWN)).toEqual({ kind, reason, message });
  });

  it('a session’s token does not show where AWS echoes what was signed', async () => {
    aws.answers['Publish'] = ({ sessionToken }) =>
      refuse(403, 'SignatureDoesNotMatch', `x-amz-security-token:${sessionToken}`);
    const environment = {
      AWS_ACCESS_KEY_ID: 'AKID',
      AWS_SECRET_ACCESS_KEY: 'SECRET',
      AWS_SESSION_TOKEN: 's3ssion/+',
    };
    const fields = `api_url: AWS, sigv4: {region: r}, topic_arn: ${TOPIC}`;
    expect(await send(fields, [FIRING], environment)).toMatchObject({
      kind: 'reject',
      message: 'unexpected status code 403: SignatureDoesNotMatch: x-amz-security-token:<secret>',
    });
  });

  it('429 is not tried again before Retry-After', async () => {
    aws.answers['Publish'] = () => refuse(429, 'ThrottledException', 'slow', { 'Retry-After': '7' });
    expect(await send(OWN)).toMatchObject({ kind: 'retry', afterMs: 7000 });
  });

  it('credentials that are over are asked for anew', async () => {
    aws.secrets.set('NEW', 'NEW-SECRET');
    bench.files.put(
      '/home/.aws/credentials',
      '[default]\naws_access_key_id = OLD\naws_secret_access_key = x\n',
    );
    aws.secrets.set('OLD', 'x');
    aws.answers['Publish'] = (call) =>
      call.accessKey === 'OLD' ? refuse(403, 'ExpiredToken', 'over') : sns(call);
    const yaml = receiver(`api_url: ${aws.url}, sigv4: {region: r}, topic_arn: ${TOPIC}`);
    const same = bench.receiver(yaml, { environment: { HOME: '/home' } });
    const again = () => same.send(notificationOf([FIRING]), new AbortController().signal);
    expect(await again()).toMatchObject({ kind: 'retry' });
    const renewed = '[default]\naws_access_key_id = NEW\naws_secret_access_key = NEW-SECRET\n';
    bench.files.put('/home/.aws/credentials', renewed);
    expect(await again()).toEqual({ kind: 'sent' });
    expect(await again()).toEqual({ kind: 'sent' });
    expect(aws.calls.map(({ accessKey }) => accessKey)).toEqual(['OLD', 'NEW', 'NEW']);
  });

  it('what is not an answer of SNS is tried again; a failing template is final', async () => {
    const gone = new AwsServer();
    await gone.start();
    const { url } = gone;
    await gone.stop();
    expect(await send(OWN.replace('AWS', url))).toMatchObject({ kind: 'retry', unknown: false });
    expect(await send(`${OWN}, message: '{{ .Nope }}'`)).toMatchObject({ kind: 'reject', reason: 'other' });
    expect(aws.calls).toEqual([]);
  });
});

describe('sns_configs', () => {
  const config = (yaml: string) => {
    const read = readNotifyConfig(yaml);
    return typeof read === 'string' ? read : read.receivers[0]!.integrations[0];
  };

  it('has Alertmanager’s defaults', () => {
    const read = config(
      receiver('topic_arn: t, use_aws_http_client: true, sigv4: {access_key: a, secret_key: b}'),
    );
    expect(read).toMatchObject({
      kind: 'sns',
      sendResolved: true,
      config: {
        apiUrl: '',
        subject: '{{ template "sns.default.subject" . }}',
        message: '{{ template "sns.default.message" . }}',
        attributes: {},
        access: { region: '', profile: '', roleArn: '', externalId: '', accessKey: 'a' },
      },
    });
    expect(JSON.stringify(read)).toContain('"secretKey":"<secret>"');
  });

  it.each([
    [
      'no destination',
      receiver('subject: s'),
      'must provide either a Target ARN, Topic ARN, or Phone Number for SNS config',
    ],
    ['two destinations', receiver('topic_arn: t, phone_number: "1"'), 'must provide either a Target ARN'],
    [
      'half a key',
      receiver('topic_arn: t, sigv4: {access_key: a}'),
      '2:62: receivers[0].sns_configs[0].sigv4: must provide a AWS SigV4 Access key and Secret Key if credentials are specified in the SigV4 config',
    ],
    [
      'an external ID without a role',
      receiver('topic_arn: t, sigv4: {external_id: x}'),
      '2:76: receivers[0].sns_configs[0].sigv4.external_id: external_id can only be used with role_arn',
    ],
    ['a key it does not have', receiver('topic_arn: t, sigv4: {regoin: x}'), '2:63: '],
  ])('refuses %s', (_, yaml, message) => {
    expect(config(yaml)).toContain(message);
  });
});
