import { errorText, TocsinError } from '../errors.ts';
import type { AwsContext } from './aws-http.ts';
import type { AwsAccess } from './credential-chain.ts';
import { InstanceMetadata } from './instance-metadata.ts';
import { readProfiles } from './profiles.ts';

/**
 * The region to ask: the one that is configured, else the environment's, else the profile's, else the one that the instance
 * is in. Rejects with a TocsinError when none of them tells.
 *
 * @see prometheus discovery/aws/aws.go loadRegion
 */
export async function findRegion(
  { region: configured, regionProfile }: Pick<AwsAccess, 'region' | 'regionProfile'>,
  context: AwsContext,
  signal: AbortSignal,
): Promise<string> {
  if (configured !== '') return configured;
  const { environment } = context;
  const ofEnvironment = environment['AWS_REGION'] || environment['AWS_DEFAULT_REGION'];
  if (ofEnvironment) return ofEnvironment;
  const profile =
    regionProfile || environment['AWS_PROFILE'] || environment['AWS_DEFAULT_PROFILE'] || 'default';
  const ofProfile = (await readProfiles(context)).get(profile)?.values.get('region');
  if (ofProfile) return ofProfile;
  let region: string;
  try {
    region = await new InstanceMetadata(context).region(signal);
  } catch (error) {
    signal.throwIfAborted();
    throw new TocsinError(
      'TOCSIN_ERR_HTTP',
      `could not determine AWS region: failed to get region from IMDS: ${errorText(error)}`,
      { cause: error },
    );
  }
  if (region !== '') return region;
  throw new TocsinError(
    'TOCSIN_ERR_HTTP',
    'could not determine AWS region: region not found in AWS config or IMDS',
  );
}
