import { dirname, isAbsolute, join, sep } from 'node:path';
import { compareText } from '../core/labels.ts';
import type { FileSystem } from '../core/ports.ts';

/** Whether a path holds a wildcard. */
export function hasWildcard(path: string): boolean {
  return /[*?[\\]/.test(path);
}

/** A path of `rule_files` or `scrape_config_files`: `*` may stand in the last part only. */
export function isLastPartPattern(path: string): boolean {
  return /^[^*]*(?:\*[^/]*)?$/.test(path);
}

/**
 * The files that a pattern (`*`, `?`, `[a-z]`, `\` before a special character; none crosses a `/`) names, sorted; a path
 * without wildcards names itself if it is there.
 *
 * @see Go's filepath.Glob
 */
export async function expandGlob(files: FileSystem, pattern: string): Promise<string[]> {
  const clean = isAbsolute(pattern) ? pattern : join('.', pattern);
  if (!hasWildcard(clean)) return (await files.stat(clean)) === undefined ? [] : [clean];
  const folders = hasWildcard(dirname(clean)) ? await expandGlob(files, dirname(clean)) : [dirname(clean)];
  const last = clean.slice(clean.lastIndexOf(sep) + 1);
  const matcher = partMatcher(last);
  const found: string[] = [];
  for (const folder of folders) {
    const stat = await files.stat(folder);
    if (stat?.isDirectory !== true) continue;
    for (const name of await files.list(folder)) if (matcher.test(name)) found.push(join(folder, name));
  }
  return found.toSorted(compareText);
}

function partMatcher(pattern: string): RegExp {
  let source = '';
  for (let i = 0; i < pattern.length; i++) {
    const char = pattern[i]!;
    const end = char === '[' ? pattern.indexOf(']', i + 2) : -1;
    if (char === '*') source += '[^/]*';
    else if (char === '?') source += '[^/]';
    else if (end > 0) {
      const body = pattern.slice(i + 1, end).replaceAll(/[\\[\]]/g, '\\$&');
      source += body.startsWith('^') ? `[${body}]` : `[${body}]`;
      i = end;
    } else {
      if (char === '\\' && i + 1 < pattern.length) i++;
      source += pattern[i]!.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&');
    }
  }
  return new RegExp(`^${source}$`, 's');
}
