import { AwsAccount } from '../../core/aws/aws-account.ts';
import type { ProviderContext } from '../provider.ts';
import type { AwsDiscoveryOptions } from './config.ts';

/** The account that an entry of a kind of AWS discovery names. */
export function awsAccountOf({ access, http }: AwsDiscoveryOptions, context: ProviderContext): AwsAccount {
  const { clock, files, environment, programs, userAgent } = context;
  return new AwsAccount(access, {
    clock,
    files,
    environment,
    programs,
    userAgent,
    http: context.httpFor(http),
  });
}
