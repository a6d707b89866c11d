import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** The package's folder: two up from here, in the sources as in the built program. */
export const PACKAGE_FOLDER: string = fileURLToPath(new URL('../..', import.meta.url));

const packageJson = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
  readonly version: string;
};

/** Version of the package. */
export const VERSION: string = packageJson.version;

/** What `tocsin --version` prints. */
export function versionText(): string {
  return [
    `tocsin, version ${VERSION}`,
    `  node version: ${process.version}`,
    `  platform:     ${process.platform}/${process.arch}`,
  ].join('\n');
}
