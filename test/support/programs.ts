import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

const said = new Set<string>();

/**
 * Whether a program that tests compare with is installed. Where it is not, says so in one line and the test skips; in
 * CI it must be there.
 */
export function hasProgram(name: string): boolean {
  for (const folder of (process.env['PATH'] ?? '').split(delimiter)) {
    try {
      accessSync(join(folder, name), constants.X_OK);
      return true;
    } catch {
      // Not in this folder; the next one may have it.
    }
  }
  if (process.env['CI'] === 'true')
    throw new Error(`${name} is not installed, and tests must not skip in CI`);
  if (!said.has(name)) {
    said.add(name);
    console.log(`skipped: ${name} is not installed`);
  }
  return false;
}
