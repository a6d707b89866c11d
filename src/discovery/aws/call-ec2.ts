import type { AwsAccount } from '../../core/aws/aws-account.ts';
import type { XmlElement } from '../../core/aws/xml.ts';

/** Of EC2's API. */
const VERSION = '2016-11-15';

/** Calls EC2; `endpoint` is instead of its own in the region, '' for that. */
export function callEc2(
  account: AwsAccount,
  endpoint: string,
  action: string,
  parameters: Readonly<Record<string, string>>,
  signal: AbortSignal,
): Promise<XmlElement> {
  return account.query({ service: 'ec2', endpoint, version: VERSION, action, parameters }, signal);
}
