import { hash } from 'node:crypto';
import { errorText, TocsinError } from '../core/errors.ts';
import type { FileSystem } from '../core/ports.ts';
import { ConfigError } from '../core/yaml.ts';
import type { ConfigIssue } from '../core/yaml.ts';

/** A file as it was read. */
export interface LoadedFile {
  readonly path: string;
  readonly text: string;
}

/** Reads a text file; throws TOCSIN_ERR_CONFIG naming the file when it cannot be read. */
export async function readTextFile(files: FileSystem, path: string): Promise<LoadedFile> {
  let bytes: Uint8Array;
  try {
    bytes = await files.readFile(path);
  } catch (error) {
    if (!(error instanceof TocsinError)) throw error;
    throw new TocsinError('TOCSIN_ERR_CONFIG', `cannot ${errorText(error)}`, { cause: error });
  }
  const text = new TextDecoder('utf-8').decode(bytes);
  return { path, text };
}

/** SHA-256 of texts (as hex), for telling whether something changed. */
export function fingerprintOf(...texts: readonly string[]): string {
  return hash('sha256', texts.map((text) => `${text.length}:${text}`).join('\n'), 'hex');
}

/** Runs `work`; the issues of a {@link ConfigError} it throws go to `issues`, and undefined comes back. */
export function collectIssues<T>(issues: ConfigIssue[], work: () => T): T | undefined {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    issues.push(...error.issues);
    return undefined;
  }
}
