import { z } from 'zod';
import type { AwsAccess } from '../../core/aws/credential-chain.ts';
import { httpConfigSchema } from '../../core/http-config.ts';
import type { HttpClientConfig } from '../../core/http-config.ts';
import { secretSchema } from '../../core/schema.ts';
import { isGiven } from '../config-fields.ts';
import { httpOf } from '../global-config.ts';
import type { GlobalFields } from '../global-config.ts';

/** An SNS integration, ready to be built; texts, names and values of attributes among them, are templates. */
export interface SnsConfig {
  readonly http: HttpClientConfig;
  /** Instead of the region's; '' for that. */
  readonly apiUrl: string;
  readonly access: AwsAccess;
  readonly topicArn: string;
  readonly phoneNumber: string;
  readonly targetArn: string;
  readonly subject: string;
  readonly message: string;
  readonly attributes: Readonly<Record<string, string>>;
}

const sigV4Schema = z
  .strictObject({
    region: z.string().default(''),
    access_key: z.string().default(''),
    secret_key: secretSchema.optional(),
    profile: z.string().default(''),
    role_arn: z.string().default(''),
    external_id: z.string().default(''),
    // Alertmanager takes both and they mean nothing for SNS there.
    service: z.string().default(''),
    use_fips_sts_endpoint: z.boolean().default(false),
  })
  .superRefine((fields, context) => {
    if (isGiven(fields.access_key) !== isGiven(fields.secret_key)) {
      const message =
        'must provide a AWS SigV4 Access key and Secret Key if credentials are specified in the SigV4 config';
      context.addIssue({ code: 'custom', message });
    }
    if (fields.external_id === '' || fields.role_arn !== '') return;
    const message = 'external_id can only be used with role_arn';
    context.addIssue({ code: 'custom', path: ['external_id'], message });
  })
  .transform((fields): AwsAccess => ({
    region: fields.region,
    regionProfile: fields.profile,
    accessKey: fields.access_key,
    secretKey: fields.secret_key,
    profile: fields.profile,
    roleArn: fields.role_arn,
    externalId: fields.external_id,
  }));

/** Items of `sns_configs`. `use_aws_http_client` has no effect: there is only one HTTP client here. */
export const snsSchema = z
  .strictObject({
    send_resolved: z.boolean().default(true),
    http_config: httpConfigSchema.optional(),
    api_url: z.string().default(''),
    sigv4: sigV4Schema.prefault({}),
    topic_arn: z.string().default(''),
    phone_number: z.string().default(''),
    target_arn: z.string().default(''),
    subject: z.string().default('{{ template "sns.default.subject" . }}'),
    message: z.string().default('{{ template "sns.default.message" . }}'),
    attributes: z.record(z.string(), z.string()).default({}),
    use_aws_http_client: z.boolean().default(false),
  })
  .superRefine((fields, context) => {
    const given = [fields.topic_arn, fields.phone_number, fields.target_arn].filter((each) => each !== '');
    // Like Alertmanager's, the check lets all three pass, though SNS will refuse them.
    if (given.length % 2 === 1) return;
    const message = 'must provide either a Target ARN, Topic ARN, or Phone Number for SNS config';
    context.addIssue({ code: 'custom', message });
  });

/** The integration with what it takes from `global`. */
export function snsOf(fields: z.output<typeof snsSchema>, global: GlobalFields): SnsConfig {
  return {
    http: httpOf(fields.http_config, global),
    apiUrl: fields.api_url,
    access: fields.sigv4,
    topicArn: fields.topic_arn,
    phoneNumber: fields.phone_number,
    targetArn: fields.target_arn,
    subject: fields.subject,
    message: fields.message,
    attributes: fields.attributes,
  };
}
