import { join } from 'node:path';
import type { AwsContext } from './aws-http.ts';

/** A section of AWS' shared files. */
export interface Profile {
  readonly name: string;
  readonly values: ReadonlyMap<string, string>;
}

/**
 * The profiles of `~/.aws/config` and `~/.aws/credentials` (or of the files that the environment names); a key in the
 * latter counts before the same in the former. Files that are not there have none.
 *
 * @see docs.aws.amazon.com "Shared config and credentials files"
 */
export async function readProfiles({
  environment,
  files,
}: AwsContext): Promise<ReadonlyMap<string, Profile>> {
  const home = join(environment['HOME'] ?? environment['USERPROFILE'] ?? '', '.aws');
  const config = environment['AWS_CONFIG_FILE'] || join(home, 'config');
  const credentials = environment['AWS_SHARED_CREDENTIALS_FILE'] || join(home, 'credentials');
  const values = new Map<string, Map<string, string>>();
  for (const [file, prefix] of [
    [config, 'profile '],
    [credentials, ''],
  ] as const) {
    if ((await files.stat(file)) === undefined) continue;
    readSections(new TextDecoder().decode(await files.readFile(file)), prefix, values);
  }
  return new Map([...values].map(([name, section]) => [name, { name, values: section }]));
}

function readSections(text: string, prefix: string, into: Map<string, Map<string, string>>): void {
  let section: Map<string, string> | undefined;
  for (const line of text.split(/\r?\n/)) {
    const header = /^\s*\[\s*([^\]]+?)\s*\]/.exec(line);
    if (header !== null) {
      const written = header[1]!.replaceAll(/\s+/g, ' ');
      const isProfile = written === 'default' || written.startsWith(prefix);
      const name = written.startsWith(prefix) ? written.slice(prefix.length) : written;
      // Sections of other kinds (`sso-session x`, `services x`) are no profiles.
      section = isProfile ? (into.get(name) ?? new Map<string, string>()) : undefined;
      if (section !== undefined) into.set(name, section);
      continue;
    }
    // Lines that are set in belong to a nested key.
    const pair = /^([^\s=#;][^=]*?)\s*=\s*(.*?)\s*$/.exec(line);
    if (pair !== null) section?.set(pair[1]!.toLowerCase(), pair[2]!.replace(/\s+[#;].*$/, ''));
  }
}
