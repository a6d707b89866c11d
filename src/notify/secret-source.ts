import type { FileSystem } from '../core/ports.ts';
import type { Secret } from '../core/secret.ts';

/** A secret in the configuration, or the path of a file that holds it and is read anew for each use. */
export type SecretSource = { readonly value: Secret } | { readonly file: string };

/** The secret itself; a file's text without the white space around it. Rejects when the file cannot be read. */
export async function readSecret(source: SecretSource, files: FileSystem): Promise<string> {
  if ('value' in source) return source.value.reveal();
  return new TextDecoder().decode(await files.readFile(source.file)).trim();
}
